//! The config of `maintenance`.

use std::path::PathBuf;
use std::time::Duration;

use stackup_plugin::path::PathList;
use stackup_plugin::{Bytes, Context, Error, HeaderValue, Result};

use crate::switch::Switch;

/// How large `page` may be: it stays in memory.
const MAX_PAGE: u64 = 1 << 20;

/// `[use.config]` of `maintenance`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// Turns maintenance on or off whatever `file` says.
    enabled: Option<bool>,
    /// Maintenance is on while this file exists; relative to the manifest's directory.
    file: Option<PathBuf>,
    /// How often to check for `file`, in milliseconds.
    look_every: u64,
    /// A page to send, read once; relative to the manifest's directory.
    page: Option<PathBuf>,
    /// `retry-after`, in seconds.
    pub(crate) retry_after: u32,
    /// Addresses and networks of clients that are let through.
    pub(crate) allow: Vec<String>,
    /// Paths that are served anyway, with everything below them.
    pub(crate) allow_paths: PathList,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: None,
            file: None,
            look_every: 250,
            page: None,
            retry_after: 300,
            allow: Vec::new(),
            allow_paths: PathList::default(),
        }
    }
}

impl Config {
    pub(crate) fn switch(&self, cx: &Context) -> Result<Switch> {
        match (self.enabled, &self.file) {
            (Some(enabled), _) => Ok(Switch::Fixed(enabled)),
            (None, Some(file)) => {
                let file = cx.directory().join(file);
                Ok(Switch::file(file, Duration::from_millis(self.look_every)))
            }
            (None, None) => {
                let message = "set `file` or `enabled`: one of them must turn maintenance on";
                Err(Error::config("", message))
            }
        }
    }

    /// The page's type and its content.
    pub(crate) fn page(&self, cx: &Context) -> Result<(HeaderValue, Bytes)> {
        let Some(page) = &self.page else {
            let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
            return Ok((content_type, Bytes::from_static(b"Down for maintenance\n")));
        };
        let page = cx.directory().join(page);
        let content = checked_file::read(&page, MAX_PAGE)
            .map_err(|error| Error::config("page", format!("{}: {error}", page.display())))?;
        let content_type = mime_guess::from_path(&page)
            .first_raw()
            .unwrap_or("text/html");
        Ok((HeaderValue::from_static(content_type), content.into()))
    }
}
