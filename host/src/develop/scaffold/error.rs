//! Why nothing is made.

use std::io;
use std::path::PathBuf;

/// Why nothing is made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// Cargo or a manifest would not take the name.
    #[error(
        "`{name}` cannot be the name of a {of}: {why}\n\n  a name is lower-case letters, digits, `_` and \
         `-`, the first a letter, at most {most} in all",
        most = super::name::MOST
    )]
    Name {
        /// The name.
        name: String,
        /// What it was to be the name of.
        of: &'static str,
        /// Why it can't.
        why: String,
    },
    /// Something is there.
    #[error("`{0}` is there already, and not empty: choose another name")]
    Taken(PathBuf),
    /// A file is where a folder is to be.
    #[error("`{0}` is a file: choose another name")]
    File(PathBuf),
    /// A plugin outside of a site.
    #[error(
        "there is no `config.ru.toml` in `{0}` or above it: go to a site, name its folder with \
         `--in FOLDER`, or make one with `stackup new site NAME`"
    )]
    NoSite(PathBuf),
    /// `--plugin-api` leads elsewhere.
    #[error(
        "`{0}` is not the folder of the crate `stackup-plugin`: it is `plugin-api` in a checkout of stackup"
    )]
    NoApi(PathBuf),
    /// A path that Cargo.toml can't hold.
    #[error("`{0}` is not UTF-8, so no Cargo.toml can name it: choose another folder")]
    NotText(PathBuf),
    /// A workspace that can't be added to.
    #[error("`{path}` can't be added to: {why}")]
    Workspace {
        /// Its Cargo.toml.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The system refuses.
    #[error("`{path}` can't be {done}: {error}")]
    System {
        /// The file or folder.
        path: PathBuf,
        /// What was to be done with it.
        done: &'static str,
        /// Why.
        error: io::Error,
    },
}

impl NewError {
    /// The system's own words, for what was to be done with `path`.
    pub(super) fn system(
        path: &std::path::Path,
        done: &'static str,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::System { path, done, error }
    }
}
