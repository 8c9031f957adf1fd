//! Walks the TOML tree: one file for each table of the grammar.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::level::Enclosing;
use self::table::Table;
use super::variable::{self, FaultKind};
use super::{Diagnostic, Manifest, Settings, Span};

mod acme;
mod cascade;
mod client_auth;
mod config;
mod dev;
mod directive;
mod duplicate;
mod embedded;
mod environments;
mod failures;
mod keys;
mod level;
mod limits;
mod listen;
mod log;
mod map;
mod metrics;
mod plugins;
mod proxies;
mod renewal;
mod server;
mod store;
mod strings;
mod syntax;
mod table;
mod tls;
mod unclosed;
mod unreachable;
mod warmup;

/// A value of the TOML tree, with its span.
type Node<'t> = &'t Spanned<DeValue<'t>>;

/// Reads the whole text. The diagnostics are sorted by position.
pub(super) fn manifest(text: &str, settings: &Settings<'_>) -> (Option<Manifest>, Vec<Diagnostic>) {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let (syntax, trustworthy) = syntax::diagnostics(text, tree.get_ref(), &errors);
    if !trustworthy {
        return (None, syntax);
    }
    let mut reader = Reader {
        text,
        settings,
        diagnostics: Vec::new(),
        inactive: false,
        misplaced_keys: 0,
        named: BTreeSet::new(),
    };
    let manifest = whole(&mut reader, tree.get_ref());
    let mut diagnostics = syntax::merge(text, syntax, reader.diagnostics);
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    (manifest, diagnostics)
}

fn whole(reader: &mut Reader<'_>, tree: &DeTable<'_>) -> Option<Manifest> {
    let mut table = Table::top(tree);
    embedded::keys(reader, &table);
    let server = server::server(reader, table.take("server"));
    let plugins = plugins::plugins(reader, table.take("plugins"));
    let limits = limits::limits(reader, table.take("limits"));
    let failures = failures::failures(reader, table.take("failures"));
    let renewal = renewal::renewal(reader, table.take("renewal"));
    let store = store::store(reader, table.take("store"));
    let log = table.take("log");
    let metrics = metrics::metrics(reader, table.take("metrics"));
    let dev = dev::dev(reader, table.take("dev"));
    let warmup = warmup::paths(reader, table.take("warmup"));
    let stack = level::level(reader, &mut table, &Enclosing::default());
    let log = log::log(reader, log);
    table.finish(reader);
    Some(Manifest {
        server,
        plugins,
        limits,
        failures,
        renewal,
        store,
        log,
        metrics,
        dev,
        warmup,
        stack,
    })
}

/// The state of the walk: the settings, and the diagnostics so far.
struct Reader<'a> {
    text: &'a str,
    settings: &'a Settings<'a>,
    diagnostics: Vec<Diagnostic>,
    /// Inside a part that does not apply in this environment: its variables need not be set.
    inactive: bool,
    /// Number of `run`, `map` and `cascade` keys in tables that they do not belong to.
    misplaced_keys: usize,
    /// The names of all directives, whether or not they apply in this environment.
    named: BTreeSet<String>,
}

impl Reader<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reads a part that applies only if `active`.
    fn part<T>(&mut self, active: bool, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.inactive;
        self.inactive |= !active;
        let read = read(self);
        self.inactive = outer;
        read
    }

    /// Reports "`listen` must be …", with the type that was found.
    fn mismatch(&mut self, node: Node<'_>, what: &str, expected: &str, help: Option<String>) {
        let mut diagnostic = Diagnostic::error(node.span(), format!("{what} must be {expected}"))
            .label(format!("this is {}", kind(node.get_ref())));
        diagnostic.help = help;
        self.report(diagnostic);
    }

    /// The string at `node` with its variables substituted. `None` if that fails.
    fn string(&mut self, node: Node<'_>, what: &str, expected: &str) -> Option<String> {
        match node.get_ref() {
            DeValue::String(text) => self.filled(text, node.span()),
            _ => {
                self.mismatch(node, what, expected, None);
                None
            }
        }
    }

    /// `text` with its variables substituted.
    fn filled(&mut self, text: &str, span: Span) -> Option<String> {
        let faults = match variable::interpolate(text, self.settings.variable) {
            Ok(filled) => return Some(filled),
            Err(faults) => faults,
        };
        for fault in faults {
            let raw = self.text.get(span.clone()).unwrap_or_default();
            let at = variable::locate(raw, text, fault.nth, &span);
            let literal = "write `$${` for a literal `${`";
            let diagnostic = match fault.kind {
                FaultKind::Missing(_) if self.inactive => continue,
                FaultKind::Missing(name) => {
                    Diagnostic::error(at, format!("environment variable `{name}` is not set"))
                        .label("used here")
                        .help(format!("set it before starting: `{name}=… stackup`; {literal}"))
                }
                FaultKind::Unterminated => {
                    Diagnostic::error(at, "unclosed `${`")
                        .label("opened here")
                        .help(format!("close it: `${{NAME}}`; {literal}"))
                }
                // The name may be a part of a password that is not meant as a variable.
                FaultKind::Name(_) => {
                    Diagnostic::error(at, "this is not a variable name")
                        .label("expected `${NAME}`")
                        .note("a name has letters, digits and `_` and does not start with a digit; defaults such as `${NAME:-x}` are not supported")
                        .help(literal)
                }
            };
            self.report(diagnostic);
        }
        None
    }
}

/// The type of a value, with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
