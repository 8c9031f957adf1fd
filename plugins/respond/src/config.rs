//! The config of `respond`.

use std::path::PathBuf;

use stackup_plugin::{Bytes, Context, Error, Fields, Result, StatusCode};

/// How large `file` may be: it stays in memory.
const MAX_FILE: u64 = 16 << 20;

/// `[run.config]` of `respond`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The status, 200 to 599.
    status: u16,
    /// Headers, each with a value or a list of values.
    pub(crate) headers: Fields,
    /// The body, as text.
    body: Option<String>,
    /// A file with the body, read once; relative to the manifest's directory.
    file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Fields::default(),
            body: None,
            file: None,
        }
    }
}

impl Config {
    pub(crate) fn status(&self) -> Result<StatusCode> {
        let refuse = || {
            let message = format!("{} is not a final status; use 200 to 599", self.status);
            Error::config("status", message)
        };
        let final_one = (200..600).contains(&self.status);
        let status = StatusCode::from_u16(self.status).ok();
        status.filter(|_| final_one).ok_or_else(refuse)
    }

    /// The body and its type; no type without a body.
    pub(crate) fn content(&self, cx: &Context) -> Result<(Option<String>, Bytes)> {
        match (&self.body, &self.file) {
            (Some(_), Some(_)) => {
                let message = "`body` is set, too; remove one of the two";
                Err(Error::config("file", message))
            }
            (None, None) => Ok((None, Bytes::new())),
            (Some(text), None) => {
                let content_type = "text/plain; charset=utf-8".to_owned();
                Ok((Some(content_type), text.clone().into()))
            }
            (None, Some(file)) => {
                let file = cx.directory().join(file);
                let content = checked_file::read(&file, MAX_FILE).map_err(|error| {
                    Error::config("file", format!("{}: {error}", file.display()))
                })?;
                let content_type = mime_guess::from_path(&file).first_or_octet_stream();
                Ok((Some(content_type.to_string()), content.into()))
            }
        }
    }
}

/// Whether a response with this status never has a body.
pub(crate) fn bodiless(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}
