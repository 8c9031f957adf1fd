//! Mapping paths to files.

use std::collections::BTreeMap;

use served_files::FilePath;
use stackup_plugin::path::PathPrefix;
use stackup_plugin::{Error, Result};

use crate::config::Urls;

/// Maps paths to files.
pub(crate) struct Routes {
    below: Vec<PathPrefix>,
    /// By the canonical path.
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
                    below.push(prefix(&format!("urls[{position}]"), &url)?);
                }
            }
            Urls::Exactly(urls) => {
                for (url, file) in urls {
                    let key = format!("urls.{url}");
                    let path = prefix(&key, &url)?;
                    let slash = if url.ends_with('/') { "/" } else { "" };
                    let file = FilePath::plain(&file).ok_or_else(|| {
                        Error::config(&key, format!("{file:?} is not a file path below the root"))
                    })?;
                    let path = format!("{}{slash}", path.as_str());
                    if exactly.insert(path, file).is_some() {
                        let message = "another key is the same path, written in another way";
                        return Err(Error::config(key, message));
                    }
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
        if let Some(file) = self.exactly.get(path_info) {
            return Some(file.clone());
        }
        if !self.below.iter().any(|url| url.covers(path_info)) {
            return None;
        }
        // Paths that no file can have go to the app.
        let path = FilePath::decode(path_info).ok()?;
        match &self.index {
            Some(index) if path.is_directory() => Some(path.join(index)),
            _ => Some(path),
        }
    }
}

fn prefix(key: &str, url: &str) -> Result<PathPrefix> {
    let refuse = |error| Error::config(key, format!("{url:?} is not a path here: {error}"));
    PathPrefix::new(url).map_err(refuse)
}
