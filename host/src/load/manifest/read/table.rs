//! A table that tracks which of its keys were read, so that every other key is reported.

use toml::de::{DeTable, DeValue};

use super::{Node, Reader, limits};
use crate::load::manifest::words::{OTHER_NAMES, list, nearest};
use crate::load::manifest::{Diagnostic, Span};

/// The kind of a table, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Top,
    /// `[server]` and the other sections.
    Section(&'static str),
    /// A `use` or `run`, of the top level or inside a map.
    Directive,
    Map,
    /// `limits` of a map.
    MapLimits,
    /// A cascade branch.
    CascadeBranch,
    /// An entry of `listen` that is a table.
    Listen,
    /// A certificate and its key, in `tls` of an entry of `listen`.
    Tls,
    /// `acme` of `tls`.
    Acme,
    /// `client_auth` of an entry of `listen`.
    ClientAuth,
}

/// One key with its value.
#[derive(Clone)]
pub(super) struct Entry<'t> {
    pub(super) key: Span,
    pub(super) value: Node<'t>,
}

/// A table being read.
pub(super) struct Table<'t> {
    entries: &'t DeTable<'t>,
    kind: Kind,
    /// Where it begins. Empty for the top level.
    pub(super) span: Span,
    known: Vec<&'static str>,
}

/// Keys of a level that are easily misplaced below a header, where they belong to its table.
const LEVEL_KEYS: [&str; 5] = ["use", "map", "cascade", "run", "warmup"];
const SECTIONS: [(&str, &[&str]); 9] = [
    ("server", &["listen", "trusted_proxies"]),
    ("plugins", &["path", "trust"]),
    (
        "limits",
        &[
            "header_bytes",
            "header_count",
            "header_timeout",
            "body_bytes",
            "body_timeout",
            "send_timeout",
            "request_timeout",
            "connections",
            "http2_streams",
            "fetches",
            "shutdown_timeout",
            "drain_timeout",
            "upgrade_drain",
            "warmup_timeout",
            "block_report",
            "block_limit",
            "worker_timeout",
        ],
    ),
    (
        "failures",
        &[
            "panics",
            "panic_window",
            "cool_down",
            "crashes",
            "crash_window",
            "probation_time",
            "probation_requests",
        ],
    ),
    ("renewal", &["generations", "memory"]),
    ("store", &["engine", "memory"]),
    ("log", &["handlers", "targets"]),
    ("metrics", &["layers"]),
    ("dev", &["overlay", "inspector", "lint", "replay"]),
];

impl<'t> Table<'t> {
    pub(super) fn top(entries: &'t DeTable<'t>) -> Self {
        Self {
            entries,
            kind: Kind::Top,
            span: 0..0,
            known: Vec::new(),
        }
    }

    pub(super) fn new(entries: &'t DeTable<'t>, span: Span, kind: Kind) -> Self {
        Self {
            entries,
            kind,
            span,
            known: Vec::new(),
        }
    }

    /// The entry of `key`. Marks `key` as known.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Entry<'t>> {
        self.known.push(key);
        self.peek(key)
    }

    /// The entry of `key`, without marking it as known as [`take`](Self::take) does.
    pub(super) fn peek(&self, key: &str) -> Option<Entry<'t>> {
        let (key, value) = self.entries.get_key_value(key)?;
        Some(Entry {
            key: key.span(),
            value,
        })
    }

    /// Whether an unknown key is going to be reported as a misspelt `key`, which is absent.
    pub(super) fn misspells(&self, key: &str) -> bool {
        let keys = self.entries.keys().map(|key| key.get_ref().as_ref());
        keys.filter(|other| !self.known.contains(other))
            .any(|other| self.meant(other) == Some(key))
    }

    /// The absent key that `other` most likely means.
    fn meant(&self, other: &str) -> Option<&'static str> {
        let absent = |key: &&'static str| !self.entries.contains_key(*key);
        let named = OTHER_NAMES
            .iter()
            .filter(|(name, here)| *name == other && self.known.contains(here))
            .map(|(_, here)| *here)
            .find(absent);
        named.or_else(|| nearest(other, self.known.iter().copied()).filter(absent))
    }

    /// The place of the table's first key.
    pub(super) fn first_key(&self) -> Option<Span> {
        self.entries
            .keys()
            .map(|key| key.span())
            .min_by_key(|span| span.start)
    }

    /// Reports every key that was not taken.
    pub(super) fn finish(self, reader: &mut Reader<'_>) {
        for (key, value) in self.entries {
            if !self.known.contains(&key.get_ref().as_ref()) {
                let level_key = matches!(key.get_ref().as_ref(), "run" | "map" | "cascade");
                reader.misplaced_keys += usize::from(level_key);
                let diagnostic = self.unknown(reader, key.get_ref(), key.span(), value.get_ref());
                reader.report(diagnostic);
            }
        }
    }

    fn unknown(
        &self,
        reader: &Reader<'_>,
        key: &str,
        span: Span,
        value: &DeValue<'_>,
    ) -> Diagnostic {
        let place = match self.kind {
            Kind::Top => "at the top level".to_owned(),
            Kind::Section(name) => format!("in `[{name}]`"),
            Kind::Directive => "in a directive".to_owned(),
            Kind::Map => "in a map".to_owned(),
            Kind::MapLimits => "in `limits` of a map".to_owned(),
            Kind::CascadeBranch => "in a cascade branch".to_owned(),
            Kind::Listen => "in an entry of `listen`".to_owned(),
            Kind::Tls => "in `tls` of a listener".to_owned(),
            Kind::Acme => "in `acme` of a listener".to_owned(),
            Kind::ClientAuth => "in `client_auth` of a listener".to_owned(),
        };
        let unknown = Diagnostic::error(span, format!("unknown key `{key}` {place}"));
        if let Some(header) = self.header(reader) {
            let section = SECTIONS.iter().any(|(name, _)| *name == key);
            if LEVEL_KEYS.contains(&key) || (section && matches!(value, DeValue::Table(_))) {
                return self.misplaced(reader, unknown, key, header);
            }
        }
        if self.kind == Kind::Directive && key == "off" {
            return unknown
                .label("only a `use` can be off")
                .help("a stack must run something: name another plugin");
        }
        if self.kind == Kind::MapLimits
            && let Some(reason) = limits::why_of_the_server(key)
        {
            return unknown
                .label(reason)
                .help("write it below the `[limits]` header of the whole server");
        }
        if self.kind == Kind::Tls && matches!(key, "client_auth" | "client" | "ca") {
            return unknown
                .label("the certificates of clients belong beside `tls`")
                .help("write `tls = { … }, client_auth = { ca = \"clients.pem\" }`");
        }
        let home = SECTIONS.iter().find(|(name, keys)| {
            self.kind != Kind::Section(name) && *name != "plugins" && keys.contains(&key)
        });
        if let Some((home, _)) = home {
            return unknown
                .label(format!("`{key}` belongs to `[{home}]`"))
                .help(format!("write it below a `[{home}]` header"));
        }
        let valid = format!("valid here: {}", list(self.known.iter().copied(), "and"));
        match self.meant(key) {
            Some(meant) => unknown
                .label(format!("did you mean `{meant}`?"))
                .note(valid),
            None => unknown.label("unknown key").note(valid),
        }
    }

    /// The `[header]` the table is written under, unless it is written inline.
    fn header(&self, reader: &Reader<'_>) -> Option<Span> {
        reader
            .text
            .get(self.span.clone())?
            .starts_with('[')
            .then(|| self.span.clone())
    }

    /// A common TOML mistake: a key of the level, written below a header, lands in the header's table.
    fn misplaced(
        &self,
        reader: &Reader<'_>,
        unknown: Diagnostic,
        key: &str,
        header: Span,
    ) -> Diagnostic {
        let raw = reader.text.get(header.clone()).unwrap_or_default();
        let (label, help) = match around(raw) {
            Some(level)
                if matches!(self.kind, Kind::Directive | Kind::MapLimits) && key != "warmup" =>
            {
                (
                    format!("`{key}` belongs to {level} or to the top level"),
                    format!(
                        "move it above `{raw}` for {level}, or above the first `[table]` for the top level"
                    ),
                )
            }
            _ if LEVEL_KEYS.contains(&key) => (
                format!("`{key}` belongs to the top level"),
                "move it above the first `[table]`".to_owned(),
            ),
            _ => (
                format!("`{key}` belongs to the top level"),
                format!("write it as its own header: `[{key}]`"),
            ),
        };
        unknown
            .label(label)
            .also(header, "all keys below belong to this header")
            .help(help)
    }
}

/// The level that a header such as `[[map.use]]` is in; none for the top.
fn around(header: &str) -> Option<&'static str> {
    let name = header.trim_matches(['[', ']', ' ']);
    let (level, _) = name.rsplit_once('.')?;
    match level.rsplit('.').next()?.trim() {
        "map" => Some("the map"),
        "cascade" => Some("the cascade branch"),
        _ => None,
    }
}
