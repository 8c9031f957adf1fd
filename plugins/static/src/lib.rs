//! A middleware that serves files under some paths before the app is asked.

#![forbid(unsafe_code)]

mod config;
mod routes;
mod rules;

use served_files::{
    Coding, FilePath, FileRequest, Folder, Found, error_response, remove_what_describes_the_file,
    respond_without_file,
};
use stackup_plugin::{
    Context, Method, Middleware, Next, Request, Response, Result, StatusCode, header,
};

pub use self::config::{Config, Files, HeaderRule, Urls};
use self::routes::Routes;
use self::rules::Rule;

/// Serves files under some paths.
pub struct Static {
    folder: Folder,
    routes: Routes,
    rules: Vec<Rule>,
    cascade: bool,
}

impl Middleware for Static {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let codings = match config.precompressed {
            true => Coding::ALL.to_vec(),
            false => Vec::new(),
        };
        let folder = Folder::new(&cx.directory().join(&config.root))?
            .with_symlinks(config.symlinks)
            .with_dot_files(config.dot_files)
            .with_open_file_cache(config.open_file_cache)
            .with_codings(codings)
            .with_default_type(config.default_type)?;
        let rules = config.header_rules.into_iter().enumerate();
        let rules = rules.map(|(index, rule)| Rule::new(index, rule));
        Ok(Self {
            folder,
            routes: Routes::new(config.urls, config.index)?,
            rules: rules.collect::<Result<_>>()?,
            cascade: config.cascade,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let Some(path) = self.routes.file(req.path_info()) else {
            return next.run(req).await;
        };
        if let Some(res) = respond_without_file(&req)? {
            return Ok(res);
        }
        match self.folder.find(&path, &req).await? {
            Found::File(file) => {
                let res = file.respond(FileRequest::new(&req))?;
                match req.method() {
                    Method::OPTIONS => Ok(res),
                    _ => self.with_headers(&path, res),
                }
            }
            Found::Directory | Found::Nothing if self.cascade => next.run(req).await,
            Found::Directory | Found::Nothing => {
                self.with_headers(&path, error_response(StatusCode::NOT_FOUND)?)
            }
        }
    }
}

impl Static {
    fn with_headers(&self, path: &FilePath, mut res: Response) -> Result {
        let path = path.to_text();
        let varies = res.headers().contains(header::VARY);
        for rule in &self.rules {
            rule.apply(&path, &mut res)?;
        }
        // A rule for `vary` must not remove `accept-encoding`: a cache would send one client's coding to another.
        let kept = res
            .headers()
            .get_all(header::VARY)
            .any(|vary| vary == "accept-encoding");
        if varies && !kept {
            res.headers_mut().append(header::VARY, "accept-encoding")?;
        }
        remove_what_describes_the_file(&mut res);
        Ok(res)
    }
}

stackup_plugin::export!(middleware Static as "static");

#[cfg(test)]
mod tests;
