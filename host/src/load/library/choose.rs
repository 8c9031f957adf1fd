//! Selects the handler of a plugin that a directive means.

use super::metadata::{HandlerInfo, HandlerKind, Metadata};

/// How similar two names must be to suggest one for the other.
const ALIKE: f64 = 0.8;

/// A directive that selects no handler, or one of the wrong kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChooseError {
    /// No such handler.
    #[error(
        "plugin `{plugin}` has no handler `{wanted}`{}; it has {}",
        meant(suggestion.as_deref()),
        list(offers)
    )]
    Unknown {
        /// The plugin.
        plugin: String,
        /// The name in the directive.
        wanted: String,
        /// The closest name, if one is close.
        suggestion: Option<String>,
        /// All of its handlers, as `name#handler`.
        offers: Vec<String>,
    },
    /// Several handlers match.
    #[error(
        "plugin `{plugin}` has more than one {kind}: say which, {}",
        list(offers)
    )]
    Ambiguous {
        /// The plugin.
        plugin: String,
        /// The kind wanted.
        kind: HandlerKind,
        /// The handlers of that kind, as `name#handler`.
        offers: Vec<String>,
    },
    /// `use` of an app, or `run` of a middleware.
    #[error(
        "`{}` takes {}, but `{handler}` is {}: put it under `{}`",
        directive(*wanted), article(*wanted), article(*is), directive(*is)
    )]
    Kind {
        /// As `name#handler`.
        handler: String,
        /// The kind the directive takes.
        wanted: HandlerKind,
        /// The kind the handler is.
        is: HandlerKind,
    },
    /// The plugin has no handler of that kind.
    #[error(
        "`{}` takes {}, but plugin `{plugin}` has none; it has {}",
        directive(*wanted), article(*wanted), list(offers)
    )]
    NoneOfKind {
        /// The plugin.
        plugin: String,
        /// The kind the directive takes.
        wanted: HandlerKind,
        /// All of its handlers, as `name#handler`.
        offers: Vec<String>,
    },
}

impl Metadata {
    /// Selects the handler a directive means: the one it names; or else the only one of the kind it
    /// takes, or the one with the plugin's name.
    ///
    /// # Errors
    ///
    /// When there is none, more than one, or one of the other kind; lists what the plugin has.
    pub fn choose(
        &self,
        handler: Option<&str>,
        wanted: HandlerKind,
    ) -> Result<&HandlerInfo, ChooseError> {
        match handler {
            Some(name) => self.choose_named(name, wanted),
            None => self.choose_unnamed(wanted),
        }
    }

    fn choose_named(&self, name: &str, wanted: HandlerKind) -> Result<&HandlerInfo, ChooseError> {
        match self.handlers.iter().find(|handler| handler.name == name) {
            Some(handler) if handler.kind == wanted => Ok(handler),
            Some(handler) => Err(self.wrong_kind(handler, wanted)),
            None => Err(ChooseError::Unknown {
                plugin: self.name.clone(),
                wanted: name.to_owned(),
                suggestion: self.nearest(name),
                offers: self.offers(&self.handlers.iter().collect::<Vec<_>>()),
            }),
        }
    }

    fn choose_unnamed(&self, wanted: HandlerKind) -> Result<&HandlerInfo, ChooseError> {
        let fitting: Vec<_> = self.handlers.iter().filter(|h| h.kind == wanted).collect();
        match (fitting.as_slice(), self.handlers.as_slice()) {
            ([only], _) => Ok(only),
            ([], [only]) => Err(self.wrong_kind(only, wanted)),
            ([], all) => Err(ChooseError::NoneOfKind {
                plugin: self.name.clone(),
                wanted,
                offers: self.offers(&all.iter().collect::<Vec<_>>()),
            }),
            (several, _) => {
                let namesake = several.iter().find(|h| plain(&h.name) == plain(&self.name));
                namesake.copied().ok_or_else(|| ChooseError::Ambiguous {
                    plugin: self.name.clone(),
                    kind: wanted,
                    offers: self.offers(several),
                })
            }
        }
    }

    fn wrong_kind(&self, handler: &HandlerInfo, wanted: HandlerKind) -> ChooseError {
        let is = handler.kind;
        ChooseError::Kind {
            handler: format!("{}#{}", self.name, handler.name),
            wanted,
            is,
        }
    }

    fn nearest(&self, name: &str) -> Option<String> {
        let score = |h: &&HandlerInfo| strsim::jaro_winkler(&plain(&h.name), &plain(name));
        let best = self
            .handlers
            .iter()
            .max_by(|a, b| score(a).total_cmp(&score(b)))?;
        (score(&best) >= ALIKE).then(|| best.name.clone())
    }

    fn offers(&self, handlers: &[&HandlerInfo]) -> Vec<String> {
        handlers
            .iter()
            .map(|handler| format!("{}#{}", self.name, handler.name))
            .collect()
    }
}

/// `basic-auth`, `basic_auth` and `BasicAuth` are the same name, spelled for a file, a function and a type.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn directive(kind: HandlerKind) -> &'static str {
    match kind {
        HandlerKind::App => "run",
        HandlerKind::Middleware => "use",
    }
}

fn article(kind: HandlerKind) -> &'static str {
    match kind {
        HandlerKind::App => "an app",
        HandlerKind::Middleware => "a middleware",
    }
}

fn meant(suggestion: Option<&str>) -> String {
    suggestion
        .map(|name| format!(", did you mean `{name}`?"))
        .unwrap_or_default()
}

fn list(offers: &[String]) -> String {
    offers
        .iter()
        .map(|offer| format!("`{offer}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
