//! One `use` or `run`: which plugin, and the config it gets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Config, Span};

/// The role that a directive gives its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `use`: a middleware.
    Use,
    /// `run`: an app.
    Run,
}

/// What answers a request while the directive's handler is out of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// 503.
    #[default]
    FailClosed,
    /// The layers below, as if the middleware were not there.
    Bypass,
}

/// How new code of a directive's plugin is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadWay {
    /// By the process that serves, beside the old code.
    InProcess,
    /// By a fresh worker, which takes over.
    Renew,
}

/// One `use` or `run`.
#[derive(Clone, Debug)]
pub struct Directive {
    /// Middleware or app.
    pub role: Role,
    /// The plugin's name, `[a-z0-9][a-z0-9_-]*`.
    pub plugin: String,
    /// The handler's name, if the manifest says `"plugin#handler"`.
    pub handler: Option<String>,
    /// A crate's folder or a library file, as written: relative to the manifest's folder.
    pub path: Option<PathBuf>,
    /// The library's expected SHA-256: 64 lower-case hex digits.
    pub sha256: Option<String>,
    /// The handler's config.
    pub config: Config,
    /// What answers while it is out of service. An app is never bypassed.
    pub on_failure: OnFailure,
    /// How its new code is loaded. By default in the process, unless the library contains a database engine.
    pub reload: Option<ReloadWay>,
    /// The directive's place: its string, inline table or table header.
    pub span: Span,
    pub(super) places: KeySpans,
}

impl Directive {
    /// Where the plugin's name is written.
    pub fn name_span(&self) -> Span {
        self.key_span("plugin")
    }

    /// Where the value of `plugin`, `path`, `sha256`, `config`, `on_failure` or `reload` is written; the directive's
    /// own span if it is not.
    pub fn key_span(&self, key: &str) -> Span {
        self.places
            .nearest(key)
            .map_or_else(|| self.span.clone(), |place| place.value.clone())
    }

    /// Where the config value at `path` is written, such as `set.x-frame-options` or `users[2].name`. If it
    /// is not written, the nearest enclosing table.
    pub fn config_span(&self, path: &str) -> Span {
        self.key_span(&in_config(path))
    }

    /// Where the config key at `path` is written, for errors about unknown keys. An array item has no key:
    /// this returns its value's span.
    pub fn config_key_span(&self, path: &str) -> Span {
        self.places
            .nearest(&in_config(path))
            .map_or_else(|| self.span.clone(), |place| place.key.clone())
    }
}

/// Where each key of a directive is written, by its path: `plugin`, `config.users[2].name`.
#[derive(Clone, Debug, Default)]
pub(super) struct KeySpans(BTreeMap<String, EntrySpan>);

#[derive(Clone, Debug)]
struct EntrySpan {
    key: Span,
    value: Span,
}

impl KeySpans {
    pub(super) fn record(&mut self, path: String, key: Span, value: Span) {
        self.0.insert(path, EntrySpan { key, value });
    }

    /// The spans of `path`, or of its nearest written ancestor.
    fn nearest(&self, mut path: &str) -> Option<&EntrySpan> {
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(place);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// `path` below `config`. `serde_path_to_error` calls the root `.`.
fn in_config(path: &str) -> String {
    match path {
        "" | "." => "config".to_owned(),
        _ if path.starts_with('[') => format!("config{path}"),
        _ => format!("config.{path}"),
    }
}
