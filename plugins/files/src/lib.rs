//! An app that serves the files below a directory.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use served_files::{Asked, FilePath, Folder, Found, Symlinks, asks_for_no_file, refusal};
use stackup_plugin::{App, Context, Fields, Request, Result, StatusCode};

/// `[run.config]` of `files`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The directory, relative to the manifest's.
    root: PathBuf,
    /// Headers of each response with a file, or that says that it has not changed.
    headers: Fields,
    /// The media type of files whose name does not tell it.
    default_type: String,
    /// Which symbolic links are followed.
    symlinks: Symlinks,
    /// Whether names that begin with a dot are served; `.well-known` always is.
    dot_files: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root: "public".into(),
            headers: Fields::default(),
            default_type: "text/plain".to_owned(),
            symlinks: Symlinks::default(),
            dot_files: false,
        }
    }
}

/// Serves the files below a directory.
pub struct Files {
    folder: Folder,
    headers: Fields,
}

impl App for Files {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let folder = Folder::new(&cx.directory().join(&config.root))?
            .with_symlinks(config.symlinks)
            .with_dot_files(config.dot_files)
            .with_default_type(config.default_type)?;
        Ok(Self {
            folder,
            headers: config.headers,
        })
    }

    async fn call(&self, req: Request) -> Result {
        if let Some(answer) = asks_for_no_file(&req.method())? {
            return Ok(answer);
        }
        let path = match FilePath::decode(req.path_info()) {
            Ok(path) => path,
            Err(bad) => return refusal(bad.status()),
        };
        match self.folder.find(&path, &req).await? {
            Found::File(file) => {
                let mut res = file.answer(Asked::of(&req))?;
                if has_file(res.status()) {
                    self.headers.set_on(res.headers_mut())?;
                }
                Ok(res)
            }
            Found::Directory | Found::Nothing => refusal(StatusCode::NOT_FOUND),
        }
    }
}

/// Whether a response stands for the file; a 304 brings the headers that a cache is to keep
/// (RFC 9110 §15.4.5).
fn has_file(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::NOT_MODIFIED
}

stackup_plugin::export!(app Files as "files");

#[cfg(test)]
mod tests;
