//! Directories and their URLs in the server in front.

use std::collections::BTreeMap;
use std::path::{self, Path, PathBuf};

use served_files::escape;
use stackup_plugin::{Error, Result};

/// Directories and their URLs, the longest path first.
pub(crate) struct Mappings(Vec<(PathBuf, String)>);

impl Mappings {
    /// Parses mappings. Relative directories are below `base`.
    pub(crate) fn new(mappings: BTreeMap<String, String>, base: &Path) -> Result<Self> {
        let mut sorted = Vec::with_capacity(mappings.len());
        for (directory, url) in mappings {
            let refuse = |message: &str| Error::config(format!("mappings.{directory}"), message);
            if !url.starts_with('/') || url.contains(|c: char| c.is_control()) {
                return Err(refuse(
                    "the URL must be a path on the server in front that begins with `/`",
                ));
            }
            let absolute = path::absolute(base.join(&directory))
                .map_err(|error| refuse(&error.to_string()))?;
            sorted.push((absolute, url.trim_end_matches('/').to_owned()));
        }
        sorted.sort_by_key(|(directory, _)| std::cmp::Reverse(directory.as_os_str().len()));
        Ok(Self(sorted))
    }

    /// The escaped URL of a file; none outside all directories.
    pub(crate) fn url(&self, file: &Path) -> Option<String> {
        self.0.iter().find_map(|(directory, url)| {
            let rest = file.strip_prefix(directory).ok()?.to_str()?;
            Some(format!("{}/{}", escape(url), escape(rest)))
        })
    }
}
