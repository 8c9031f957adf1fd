//! An app that serves the files below a directory.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use served_files::{
    FilePath, FileRequest, Folder, Found, Symlinks, error_response, remove_what_describes_the_file,
    respond_without_file,
};
use stackup_plugin::{App, Context, Fields, Method, Request, Result, StatusCode};

/// `[run.config]` of `files`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The directory, relative to the manifest's.
    root: PathBuf,
    /// Headers of each response for a file; a 412 or 416 gets none that lets caches keep it.
    headers: Fields,
    /// The media type of files with an unknown extension.
    default_type: String,
    /// Which symbolic links to follow.
    symlinks: Symlinks,
    /// Whether to serve names that begin with a dot; `.well-known` always is.
    dot_files: bool,
    /// Whether to keep files that were found within the last second.
    open_file_cache: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root: "public".into(),
            headers: Fields::default(),
            default_type: "text/plain".to_owned(),
            symlinks: Symlinks::default(),
            dot_files: false,
            open_file_cache: true,
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
            .with_open_file_cache(config.open_file_cache)
            .with_default_type(config.default_type)?;
        Ok(Self {
            folder,
            headers: config.headers,
        })
    }

    async fn call(&self, req: Request) -> Result {
        if let Some(res) = respond_without_file(&req)? {
            return Ok(res);
        }
        let path = match FilePath::decode(req.path_info()) {
            Ok(path) => path,
            Err(bad) => return error_response(bad.status()),
        };
        match self.folder.find(&path, &req).await? {
            Found::File(file) => {
                let mut res = file.respond(FileRequest::new(&req))?;
                if req.method() != Method::OPTIONS {
                    self.headers.set_on(res.headers_mut())?;
                    remove_what_describes_the_file(&mut res);
                }
                Ok(res)
            }
            Found::Directory | Found::Nothing => error_response(StatusCode::NOT_FOUND),
        }
    }
}

stackup_plugin::export!(app Files as "files");

#[cfg(test)]
mod tests;
