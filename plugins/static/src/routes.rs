//! Mapping paths to files.

use std::collections::BTreeMap;

use served_files::FilePath;
use stackup_plugin::{Error, Result};

use crate::config::Urls;

/// Maps paths to files.
pub(crate) struct Routes {
    below: Vec<String>,
    exactly: BTreeMap<String, FilePath>,
    index: Option<String>,
}

impl Routes {
    pub(crate) fn new(urls: Urls, index: Option<String>) -> Result<Self> {
        let sound = index
            .as_ref()
            .is_none_or(|name| FilePath::plain(name).is_some_and(|path| path.names().len() == 1));
        if !sound {
            return Err(Error::config("index", "not a file name"));
        }
        let (mut below, mut exactly) = (Vec::new(), BTreeMap::new());
        match urls {
            Urls::Below(urls) => {
                for (position, url) in urls.into_iter().enumerate() {
                    check_url(&format!("urls[{position}]"), &url)?;
                    below.push(url.trim_end_matches('/').to_owned());
                }
            }
            Urls::Exactly(urls) => {
                for (url, file) in urls {
                    let key = format!("urls.{url}");
                    check_url(&key, &url)?;
                    let refuse = || {
                        Error::config(&key, format!("{file:?} is not a file path below the root"))
                    };
                    exactly.insert(url, FilePath::plain(&file).ok_or_else(refuse)?);
                }
            }
        }
        Ok(Self {
            below,
            exactly,
            index,
        })
    }

    /// The file for a `PATH_INFO`, if it is in `urls`.
    pub(crate) fn file(&self, path_info: &str) -> Option<FilePath> {
        // Paths that no file can have go to the app, and so does `OPTIONS *`.
        if path_info == "*" {
            return None;
        }
        let path = FilePath::decode(path_info).ok()?;
        let text = path.to_text();
        if let Some(file) = self.exactly.get(&text) {
            return Some(file.clone());
        }
        // Whole segments: `/assets` does not cover `/assets-internal`.
        let ours = |url: &String| match text.strip_prefix(url.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        if !self.below.iter().any(ours) {
            return None;
        }
        match &self.index {
            Some(index) if path.is_directory() => Some(path.join(index)),
            _ => Some(path),
        }
    }
}

fn check_url(key: &str, url: &str) -> Result<()> {
    if url.starts_with('/') {
        return Ok(());
    }
    let message = format!("{url:?} is not a path; it must begin with `/`");
    Err(Error::config(key, message))
}
