//! What `maintenance` is told.

use std::path::PathBuf;
use std::time::Duration;

use stackup_plugin::{Bytes, Context, Error, HeaderValue, Result};

use crate::switch::Switch;

/// `[use.config]` of `maintenance`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// Whether there is maintenance, whatever `file` says.
    enabled: Option<bool>,
    /// There is maintenance while this file exists; relative to the manifest's directory.
    file: Option<PathBuf>,
    /// How long it may take until it is noticed that `file` came or went, in milliseconds.
    look_every: u64,
    /// A page for clients, read once; relative to the manifest's directory.
    page: Option<PathBuf>,
    /// After how many seconds a client may come again.
    pub(crate) retry_after: u32,
    /// Addresses and networks of clients for whom there is no maintenance.
    pub(crate) allow: Vec<String>,
    /// Paths, and all below them, that are served all the same.
    pub(crate) allow_paths: Vec<String>,
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
            allow_paths: Vec::new(),
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
                let message = "neither `file` nor `enabled` says when there is maintenance";
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
        let content = std::fs::read(&page)
            .map_err(|error| Error::config("page", format!("{}: {error}", page.display())))?;
        let content_type = mime_guess::from_path(&page)
            .first_raw()
            .unwrap_or("text/html");
        Ok((HeaderValue::from_static(content_type), content.into()))
    }
}
