//! What can be asked, and how it is answered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::process::ipc::ReloadOptions;

/// The longest line that is read, in bytes.
pub const MAX_REQUEST_LEN: usize = 64 << 10;

/// What can be asked of a supervisor. (With braces, since serde ignores what is unknown beside a bare name.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Tell what there is.
    Status {},
    /// Look again, and swap if something has changed.
    Reload(ReloadOptions),
    /// Replace the worker by a fresh one.
    Restart {},
    /// Replace the worker, and then the supervisor, by those of the program file as it is now.
    Upgrade {},
    /// End, when the last requests have.
    Stop {},
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Whether what was asked for has happened.
    pub ok: bool,
    /// What happened, for a person; empty where `value` says it all.
    #[serde(default)]
    pub text: String,
    /// What happened, for a program.
    #[serde(default)]
    pub value: Value,
}

/// A line that asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RequestError(String);

impl Request {
    /// Reads a line, with or without its end.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for a person.
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

    /// The line that asks for this, with its end.
    pub fn line(&self) -> String {
        // These types have no value that JSON lacks.
        let text = serde_json::to_string(self).unwrap_or_default();
        text + "\n"
    }
}

impl Reply {
    /// It has happened.
    pub fn ok(text: impl Into<String>, value: Value) -> Self {
        Self {
            ok: true,
            text: text.into(),
            value,
        }
    }

    /// It has not.
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
    fn each_request_reads_back() {
        let options = ReloadOptions {
            fresh: true,
            retry: false,
        };
        for request in [
            Request::Status {},
            Request::Reload(options),
            Request::Restart {},
            Request::Upgrade {},
            Request::Stop {},
        ] {
            assert_eq!(Request::parse(request.line().as_bytes()), Ok(request));
        }
    }

    #[test]
    fn what_is_left_out_is_no() {
        let request = Request::parse(b"{\"ask\":\"reload\"}\n");
        assert_eq!(request, Ok(Request::Reload(ReloadOptions::default())));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for line in [
            &b""[..],
            b"status",
            b"{\"ask\":\"explode\"}",
            b"{\"ask\":\"status\",\"more\":1}",
            b"{\"ask\":\"reload\",\"fresh\":1}",
            b"\xff\xfe",
        ] {
            assert!(Request::parse(line).is_err(), "{line:?}");
        }
        let long = vec![b' '; MAX_REQUEST_LEN + 1];
        let error = Request::parse(&long).unwrap_err().to_string();
        assert_eq!(error, "a request is at most 65536 bytes long");
    }
}
