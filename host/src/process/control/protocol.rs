//! Requests and replies.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::load::library::Trust;
use crate::load::snapshot::Snapshot;
use crate::process::ipc::{BuildOptions, ReloadOptions};
use crate::services::{CacheCommand, StoreCommand};

/// The longest request, in bytes.
pub const MAX_REQUEST_LEN: usize = 64 << 10;

/// A request to a supervisor. (The braces make serde reject unknown fields, which it ignores on unit
/// variants.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Say which site is served.
    Site {},
    /// Report the status.
    Status {},
    /// Read the manifest again and swap if anything has changed.
    Reload(ReloadOptions),
    /// Replace the worker by a new one.
    Restart {},
    /// Replace the worker, and then the supervisor, by the program that is installed now.
    Upgrade {},
    /// Shut down after the last request.
    Stop {},
    /// List, show or remove entries of the store.
    Store(StoreCommand),
    /// List, explain or purge cached responses.
    Cache(CacheCommand),
    /// Tell all figures.
    Metrics {},
    /// List the stacks that have served last.
    History {},
    /// Tell the stack that served as this generation, or the active one.
    Snapshot {
        /// Its number.
        #[serde(default)]
        generation: Option<u64>,
    },
    /// Serve an earlier stack again: that of this generation, or the last one that was not rolled back.
    Rollback {
        /// Its number.
        #[serde(default)]
        generation: Option<u64>,
    },
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Whether the request succeeded.
    pub ok: bool,
    /// The result as text for people; empty if `value` is the whole result.
    #[serde(default)]
    pub text: String,
    /// The result for programs.
    #[serde(default)]
    pub value: Value,
}

/// The reply to [`Request::Snapshot`]: a stack, and how it is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServedStack {
    /// The stack.
    pub snapshot: Snapshot,
    /// `development`, `production`, ….
    pub environment: String,
    /// How its plugins are built, if they are.
    pub build: Option<BuildOptions>,
    /// Whether libraries must be in the lock.
    pub locked: bool,
    /// Whose files are accepted.
    pub trust: Trust,
}

/// A line that is not a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RequestError(String);

impl Request {
    /// Reads a line, with or without its end.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as text for people.
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        if line.len() > MAX_REQUEST_LEN {
            let message = format!("a request is at most {MAX_REQUEST_LEN} bytes long");
            return Err(RequestError(message));
        }
        serde_json::from_slice(line).map_err(|error| {
            RequestError(format!(
                "not a request: {error}; expected is a line like {{\"ask\":\"status\"}}"
            ))
        })
    }

    /// The request as a line, with its newline.
    pub fn line(&self) -> String {
        // Each value of these types has a JSON form.
        let text = serde_json::to_string(self).unwrap_or_default();
        text + "\n"
    }
}

impl Reply {
    /// The request succeeded.
    pub fn ok(text: impl Into<String>, value: Value) -> Self {
        Self {
            ok: true,
            text: text.into(),
            value,
        }
    }

    /// The request failed.
    pub fn error(text: impl Into<String>) -> Self {
        Self {
            ok: false,
            text: text.into(),
            value: Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_round_trips() {
        let options = ReloadOptions {
            fresh: true,
            retry: false,
        };
        for request in [
            Request::Site {},
            Request::Status {},
            Request::Reload(options),
            Request::Restart {},
            Request::Upgrade {},
            Request::Stop {},
            Request::Metrics {},
            Request::History {},
            Request::Snapshot { generation: None },
            Request::Rollback {
                generation: Some(3),
            },
            Request::Store(StoreCommand::Namespaces {}),
            Request::Store(StoreCommand::Get {
                namespace: "n".to_owned(),
                key: "k".to_owned(),
            }),
        ] {
            assert_eq!(Request::parse(request.line().as_bytes()), Ok(request));
        }
    }

    #[test]
    fn missing_options_are_false() {
        let request = Request::parse(b"{\"ask\":\"reload\"}\n");
        assert_eq!(request, Ok(Request::Reload(ReloadOptions::default())));
    }

    #[test]
    fn invalid_request_is_an_error() {
        for line in [
            &b""[..],
            b"status",
            b"{\"ask\":\"explode\"}",
            b"{\"ask\":\"status\",\"more\":1}",
            b"{\"ask\":\"reload\",\"fresh\":1}",
            b"{\"ask\":\"store\"}",
            b"{\"ask\":\"store\",\"do\":\"clear\"}",
            b"{\"ask\":\"store\",\"do\":\"clear\",\"namespace\":\"n\",\"key\":\"k\"}",
            b"\xff\xfe",
        ] {
            assert!(Request::parse(line).is_err(), "{line:?}");
        }
        let long = vec![b' '; MAX_REQUEST_LEN + 1];
        let error = Request::parse(&long).unwrap_err().to_string();
        assert_eq!(error, "a request is at most 65536 bytes long");
    }
}
