//! Why nothing is created.

use std::io;
use std::path::PathBuf;

/// Why nothing is created.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name is not valid for a crate or in a manifest.
    #[error(
        "`{name}` is not a valid name for a {of}: {why}\nhelp: use lower-case letters, digits, `_` and `-`, \
         beginning with a letter, at most {most} characters",
        most = super::name::MAX_LEN
    )]
    Name {
        /// The name.
        name: String,
        /// What it would name.
        of: &'static str,
        /// Why it is not valid.
        why: String,
    },
    /// The folder has files in it.
    #[error("`{0}` already exists and is not empty\nhelp: choose another name")]
    NotEmpty(PathBuf),
    /// A file is in the folder's place.
    #[error("`{0}` is a file\nhelp: choose another name")]
    IsFile(PathBuf),
    /// A plugin outside of a site.
    #[error(
        "could not find `config.ru.toml` in `{0}` or any parent folder\nhelp: name the folder of a site with \
         `--in FOLDER`, or create a site with `stackup new site NAME`"
    )]
    NoSite(PathBuf),
    /// `--plugin-api` names another folder.
    #[error(
        "`{0}` is not the folder of the crate `stackup-plugin`\nhelp: it is `plugin-api` in a checkout of stackup"
    )]
    NotPluginApi(PathBuf),
    /// A path that Cargo.toml cannot contain.
    #[error("`{0}` is not UTF-8, so Cargo.toml cannot contain it\nhelp: choose another folder")]
    NotUtf8(PathBuf),
    /// A workspace that takes no new member.
    #[error("cannot add a member to `{path}`: {why}")]
    Workspace {
        /// Its Cargo.toml.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A system call failed.
    #[error("cannot {done} `{path}`: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The verb that failed.
        done: &'static str,
        /// Why.
        error: io::Error,
    },
}

impl NewError {
    /// The error of a system call that should have `done` something to `path`.
    pub(super) fn io(path: &std::path::Path, done: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::Io { path, done, error }
    }
}
