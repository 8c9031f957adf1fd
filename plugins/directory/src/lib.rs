//! An app that lists directories and serves the files in them.

#![forbid(unsafe_code)]

mod page;

use std::path::PathBuf;

use served_files::{
    FilePath, FileRequest, Folder, Found, Symlinks, error_response, escape, options_response,
    respond_without_file,
};
use stackup_plugin::{
    App, Context, Html, IntoResponse, Method, Request, Response, Result, StatusCode, header,
};

/// `[run.config]` of `directory`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The directory, relative to the manifest's.
    root: PathBuf,
    /// The media type of files with an unknown extension.
    default_type: String,
    /// Which symbolic links to follow and list.
    symlinks: Symlinks,
    /// Whether to list and serve names that begin with a dot; `.well-known` always is.
    dot_files: bool,
    /// Whether to keep files that were found within the last second.
    open_file_cache: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root: "public".into(),
            default_type: "text/plain".to_owned(),
            symlinks: Symlinks::default(),
            dot_files: false,
            open_file_cache: true,
        }
    }
}

/// Lists directories and serves files.
pub struct Directory {
    folder: Folder,
}

impl App for Directory {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let folder = Folder::new(&cx.directory().join(&config.root))?
            .with_symlinks(config.symlinks)
            .with_dot_files(config.dot_files)
            .with_open_file_cache(config.open_file_cache)
            .with_default_type(config.default_type)?;
        Ok(Self { folder })
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
            Found::File(file) => file.respond(FileRequest::new(&req)),
            Found::Directory if req.method() == Method::OPTIONS => options_response(),
            // The links of a listing are relative, so its path needs the slash.
            Found::Directory if !req.path_info().ends_with('/') => with_slash(&req, &path),
            Found::Directory => self.listing(&path).await,
            Found::Nothing => error_response(StatusCode::NOT_FOUND),
        }
    }
}

impl Directory {
    async fn listing(&self, path: &FilePath) -> Result {
        let shown = path.clone();
        let page = self.folder.list(path, move |mut listing| {
            let entries = &mut listing.entries;
            entries.sort_by(|a, b| (a.kind.is_file(), &a.name).cmp(&(b.kind.is_file(), &b.name)));
            page::page(&shown, &listing)
        });
        let Some(page) = page.await? else {
            return error_response(StatusCode::NOT_FOUND);
        };
        let res = Html(page).into_response()?;
        // Even a name that escaped the escaping could do nothing.
        let policy = "default-src 'none'; style-src 'unsafe-inline'";
        Ok(res.with_header(header::CONTENT_SECURITY_POLICY, policy)?)
    }
}

/// Redirects to the same path with a slash. The path is normalised: `//host` would be another server.
fn with_slash(req: &Request, path: &FilePath) -> Result {
    let names = path.names().iter().map(|name| format!("{}/", escape(name)));
    let query = match req.query() {
        "" => String::new(),
        query => format!("?{query}"),
    };
    let location = format!("{}/{}{query}", req.script_name(), names.collect::<String>());
    let res = Response::new(StatusCode::MOVED_PERMANENTLY);
    Ok(res.with_header(header::LOCATION, location)?)
}

stackup_plugin::export!(app Directory as "directory");

#[cfg(test)]
mod tests;
