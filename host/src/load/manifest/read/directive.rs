//! A `use` or a `run`: a string or a table.

use std::path::PathBuf;

use toml::de::DeValue;

use super::environments::{self, Environments};
use super::keys::Keys;
use super::table::{Entry, Kind, Table};
use super::{Node, Reader, config, strings};
use crate::load::manifest::directive::KeySpans;
use crate::load::manifest::{
    Config, Diagnostic, Directive, OnFailure, ReloadWay, Role, Span, name,
};

/// A directive as read, whether or not it applies in this environment.
pub(super) struct ReadDirective {
    /// `None` if it is invalid.
    pub(super) directive: Option<Directive>,
    pub(super) environments: Environments,
    /// Whether it is off.
    pub(super) off: bool,
    pub(super) span: Span,
}

impl ReadDirective {
    /// Whether it is a part of the stack in this environment.
    pub(super) fn applies(&self, environment: &str) -> bool {
        !self.off && self.environments.include(environment)
    }
}

pub(super) fn directive(
    reader: &mut Reader<'_>,
    node: Node<'_>,
    role: Role,
) -> Option<ReadDirective> {
    match node.get_ref() {
        DeValue::String(text) => {
            let mut places = KeySpans::default();
            places.record("plugin".into(), node.span(), node.span());
            let named = reader.filled(text, node.span());
            let named = named.and_then(|text| check_name(reader, &text, node.span()));
            let directive = named.map(|(plugin, handler)| Directive {
                role,
                plugin,
                handler,
                path: None,
                sha256: None,
                config: Config::default(),
                on_failure: OnFailure::default(),
                reload: None,
                span: node.span(),
                places,
            });
            Some(ReadDirective {
                directive,
                environments: Environments::All,
                off: false,
                span: node.span(),
            })
        }
        DeValue::Table(entries) => {
            let mut table = Table::new(entries, node.span(), Kind::Directive);
            Some(from_table(reader, &mut table, role).finish(reader, table))
        }
        _ => {
            let what = match role {
                Role::Use => "each entry of `use`",
                Role::Run => "`run`",
            };
            let help = "write \"name\", or a table such as { plugin = \"name\" }";
            reader.mismatch(node, what, "a plugin name or a table", Some(help.into()));
            None
        }
    }
}

impl ReadDirective {
    fn finish(self, reader: &mut Reader<'_>, table: Table<'_>) -> Self {
        table.finish(reader);
        self
    }
}

fn from_table(reader: &mut Reader<'_>, table: &mut Table<'_>, role: Role) -> ReadDirective {
    let span = table.span.clone();
    // Taken in the order in which "valid here" lists them.
    let plugin = table.take("plugin");
    let configured = table.take("config");
    let environments = environments::take(reader, table);
    let (path, sha256) = (table.take("path"), table.take("sha256"));
    let failing = table.take("on_failure");
    let reloading = table.take("reload");
    let mut off = false;
    // A level must have an app, so a `run` cannot be off.
    if role == Role::Use {
        let mut keys = Keys { reader, table };
        keys.flag("off", &mut off);
    }
    let active = !off && environments.include(reader.settings.environment);

    let mut places = KeySpans::default();
    let entries = [
        ("plugin", &plugin),
        ("config", &configured),
        ("path", &path),
        ("sha256", &sha256),
        ("on_failure", &failing),
        ("reload", &reloading),
    ];
    for (key, entry) in entries {
        if let Some(entry) = entry {
            places.record(key.into(), entry.key.clone(), entry.value.span());
        }
    }
    let misnamed = table.misspells("plugin");
    let directive = reader.part(active, |reader| {
        let named = plugin_name(reader, plugin, &span, misnamed);
        let path = path.and_then(|entry| file(reader, &entry));
        let sha256 = sha256.and_then(|entry| digest(reader, &entry));
        let config = match configured {
            Some(entry) => config_table(reader, &entry, &mut places),
            None => Config::default(),
        };
        let on_failure = failing.and_then(|entry| on_failure(reader, &entry, role));
        let reload = reloading.and_then(|entry| reload_way(reader, &entry));
        let (plugin, handler) = named?;
        Some(Directive {
            role,
            plugin,
            handler,
            path,
            sha256,
            config,
            on_failure: on_failure.unwrap_or_default(),
            reload,
            span: span.clone(),
            places,
        })
    });
    ReadDirective {
        directive,
        environments,
        off,
        span,
    }
}

fn plugin_name(
    reader: &mut Reader<'_>,
    entry: Option<Entry<'_>>,
    span: &Span,
    misnamed: bool,
) -> Option<(String, Option<String>)> {
    let Some(entry) = entry else {
        // A misspelt `plugin` is reported as an unknown key already.
        if misnamed {
            return None;
        }

        reader.report(
            Diagnostic::error(span.clone(), "this directive has no `plugin`")
                .label("missing `plugin`")
                .help("add `plugin = \"name\"`"),
        );
        return None;
    };
    let text = reader.string(entry.value, "`plugin`", "a string with a plugin name")?;
    check_name(reader, &text, entry.value.span())
}

fn check_name(reader: &mut Reader<'_>, text: &str, span: Span) -> Option<(String, Option<String>)> {
    match name::parse(text) {
        Ok(named) => {
            reader.named.insert(text.to_owned());
            Some(named)
        }
        Err(complaint) => {
            let mut error = Diagnostic::error(span, complaint.message).label(complaint.label);
            error.help = complaint.help;
            reader.report(error);
            None
        }
    }
}

fn file(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<PathBuf> {
    let text = reader.string(entry.value, "`path`", "a string with a file or folder name")?;
    if text.is_empty() || text.contains('\0') {
        reader.report(
            Diagnostic::error(entry.value.span(), "`path` is empty")
                .label("expected a crate's folder or a library file")
                .help("write one, or remove `path` to search the directories of `[plugins]`"),
        );
        return None;
    }
    Some(PathBuf::from(text))
}

fn digest(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<String> {
    let text = reader.string(entry.value, "`sha256`", "a string of 64 hex digits")?;
    let label = match text.chars().find(|c| !c.is_ascii_hexdigit()) {
        Some(c) => format!("`{}` is not a hex digit", c.escape_debug()),
        None if text.len() != 64 => format!("this has {}", text.len()),
        None => return Some(text.to_ascii_lowercase()),
    };
    reader.report(
        Diagnostic::error(entry.value.span(), "`sha256` must be 64 hex digits")
            .label(label)
            .help("`sha256sum FILE` prints them"),
    );
    None
}

fn on_failure(reader: &mut Reader<'_>, entry: &Entry<'_>, role: Role) -> Option<OnFailure> {
    let words = [
        ("fail-closed", OnFailure::FailClosed),
        ("bypass", OnFailure::Bypass),
    ];
    let note = "while the handler is out of service, \"fail-closed\" answers 503, \"bypass\" passes \
                requests to the layers below";
    let found = strings::either(reader, entry, "`on_failure`", words, note)?;
    if (found, role) == (OnFailure::Bypass, Role::Run) {
        reader.report(
            Diagnostic::error(entry.value.span(), "an app cannot be bypassed")
                .label("no layer below `run` can answer instead")
                .help("remove `on_failure`: requests get 503 while the app is out of service"),
        );
    }
    Some(found)
}

fn reload_way(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<ReloadWay> {
    let words = [
        ("in-process", ReloadWay::InProcess),
        ("renew", ReloadWay::Renew),
    ];
    let note = "new code is loaded \"in-process\", beside the old, or with \"renew\" by a fresh worker, which takes \
                over";
    strings::either(reader, entry, "`reload`", words, note)
}

fn config_table(reader: &mut Reader<'_>, entry: &Entry<'_>, places: &mut KeySpans) -> Config {
    match entry.value.get_ref() {
        DeValue::Table(table) => config::config(reader, table, "config", places),
        _ => {
            let help = "write `config = { key = \"value\" }`".to_owned();
            reader.mismatch(entry.value, "`config`", "a table", Some(help));
            Config::default()
        }
    }
}
