//! The config of `static`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use served_files::Symlinks;
use stackup_plugin::Fields;

/// `[use.config]` of `static`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The paths to serve: a list of prefixes, or a table of paths with their files.
    pub(crate) urls: Urls,
    /// The directory, relative to the manifest's.
    pub(crate) root: PathBuf,
    /// The file to serve for a path that ends with a slash.
    pub(crate) index: Option<String>,
    /// Whether to pass requests for missing files to the app.
    pub(crate) cascade: bool,
    /// Whether to send `a.js.br`, `.zst` or `.gz` in place of `a.js` to clients that accept it.
    pub(crate) precompressed: bool,
    /// Headers for some of the files; later rules win.
    pub(crate) header_rules: Vec<HeaderRule>,
    /// The media type of files with an unknown extension.
    pub(crate) default_type: String,
    /// Which symbolic links to follow.
    pub(crate) symlinks: Symlinks,
    /// Whether to serve names that begin with a dot; `.well-known` always is.
    pub(crate) dot_files: bool,
    /// Whether to keep files that were found within the last second.
    pub(crate) open_file_cache: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: Urls::Below(vec!["/favicon.ico".to_owned()]),
            root: "public".into(),
            index: None,
            cascade: false,
            precompressed: false,
            header_rules: Vec::new(),
            default_type: "text/plain".to_owned(),
            symlinks: Symlinks::default(),
            dot_files: false,
            open_file_cache: true,
        }
    }
}

/// The paths to serve.
#[stackup_plugin::config]
#[serde(
    untagged,
    expecting = "a list of paths, or a table of paths and their files"
)]
pub enum Urls {
    /// These and everything below them.
    Below(Vec<String>),
    /// Only these, each with its file below the root.
    Exactly(BTreeMap<String, String>),
}

/// Headers for some files.
#[stackup_plugin::config]
pub struct HeaderRule {
    /// Which files.
    #[serde(rename = "for")]
    pub(crate) files: Files,
    /// Their headers.
    pub(crate) headers: Fields,
}

/// Some files.
#[stackup_plugin::config]
#[serde(
    untagged,
    expecting = "`\"all\"`, `\"fonts\"`, a directory, a list of extensions or `{ regex = \"…\" }`"
)]
pub enum Files {
    /// `all`, `fonts`, or those below a directory.
    Named(String),
    /// Those with one of these extensions.
    Extensions(Vec<String>),
    /// Those whose path matches.
    Matching {
        /// A regular expression.
        regex: String,
    },
}
