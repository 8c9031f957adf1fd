//! `[use.config]` of `cache`.

use std::time::Duration;

use http_cache::Heuristic;
use stackup_plugin::{Error, HeaderName, Result};

/// `[use.config]` of `cache`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The namespace of the store. Caches of the same namespace share their entries; without one, those of this plugin do.
    namespace: Option<String>,
    /// The name in `cache-status`; `""` sends no such header.
    name: String,
    /// Longer responses are passed on without being stored.
    max_bytes: u64,
    /// How many seconds a stale response is kept, for its validation and in case the layers below fail.
    keep: u64,
    /// Headers that count instead of `cache-control` and `expires`, if present (RFC 9213). The first one wins.
    targeted: Vec<String>,
    /// A response that does not say how long it is fresh is so for this part of the time since its `last-modified`, in per cent.
    heuristic_percent: u64,
    /// The longest such guess, in seconds.
    heuristic_max: u64,
    /// Whether `cache-control` of a request counts, so that a client can demand a fresh response.
    client_directives: bool,
    /// How many seconds a request waits for another one for the same response; 0 does not wait.
    collapse: u64,
    /// Whether a browser that navigates to a page gets the `link` fields of the stored response as 103 (RFC 8297) while that is
    /// validated.
    early_hints: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace: None,
            name: "stackup".to_owned(),
            max_bytes: 16 * 1024 * 1024,
            keep: 86_400,
            targeted: vec![
                "stackup-cache-control".to_owned(),
                "cdn-cache-control".to_owned(),
            ],
            heuristic_percent: 10,
            heuristic_max: 86_400,
            client_directives: true,
            collapse: 30,
            early_hints: false,
        }
    }
}

/// The config, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) max_bytes: u64,
    pub(crate) keep: Duration,
    pub(crate) targeted: Vec<String>,
    pub(crate) heuristic: Option<Heuristic>,
    pub(crate) client_directives: bool,
    pub(crate) collapse: Option<Duration>,
    pub(crate) early_hints: bool,
}

impl Config {
    pub(crate) fn checked(self) -> Result<Settings> {
        if !self.name.is_empty() && !is_token(&self.name) {
            let message = format!("{:?} is not a token, such as `stackup`", self.name);
            return Err(Error::config("name", message));
        }
        if self.heuristic_percent > 100 {
            let message = format!("{} is more than 100 per cent", self.heuristic_percent);
            return Err(Error::config("heuristic_percent", message));
        }
        let targeted = self.targeted.iter().enumerate().map(|(index, name)| {
            HeaderName::try_from(name.as_str())
                .map(|name| name.as_str().to_owned())
                .map_err(|_| {
                    let message = format!("{name:?} is not a header name");
                    Error::config(format!("targeted[{index}]"), message)
                })
        });
        Ok(Settings {
            targeted: targeted.collect::<Result<_>>()?,
            namespace: self.namespace,
            name: (!self.name.is_empty()).then_some(self.name),
            max_bytes: self.max_bytes,
            keep: Duration::from_secs(self.keep),
            heuristic: (self.heuristic_percent > 0).then_some(Heuristic {
                percent: self.heuristic_percent,
                most_seconds: self.heuristic_max,
            }),
            client_directives: self.client_directives,
            collapse: (self.collapse > 0).then(|| Duration::from_secs(self.collapse)),
            early_hints: self.early_hints,
        })
    }
}

/// A token of structured fields (RFC 9651 §3.3.4).
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'*';
    text.bytes().all(allowed) && text.as_bytes().first().is_some_and(begins)
}
