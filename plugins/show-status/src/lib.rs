//! A middleware that gives empty error responses a page: `Rack::ShowStatus`.

#![forbid(unsafe_code)]

mod page;

use std::collections::BTreeMap;

use stackup_plugin::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use stackup_plugin::{
    Context, Error, Method, Middleware, Next, Request, Response, Result, StatusCode,
};

/// `[use.config]` of `show-status`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// Text to show for a status, by its number.
    details: BTreeMap<String, String>,
}

/// Gives empty error responses a page.
pub struct ShowStatus {
    details: BTreeMap<StatusCode, String>,
}

impl Middleware for ShowStatus {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let details = config.details.into_iter().map(|(number, detail)| {
            let status = number.parse::<StatusCode>().ok().filter(is_error);
            let refuse = || {
                let message = format!("{number:?} is not an error status such as 404");
                Error::config(format!("details.{number}"), message)
            };
            Ok((status.ok_or_else(refuse)?, detail))
        });
        Ok(Self {
            details: details.collect::<Result<_>>()?,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let method = req.method();
        let path = [req.script_name(), req.path_info()].concat();
        let mut res = next.run(req).await?;
        if is_error(&res.status()) && is_empty(&mut res, &method) {
            self.show(&mut res, &method, &path)?;
        }
        Ok(res)
    }
}

fn is_error(status: &StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Whether the body is known to be empty. For HEAD it always is, so `content-length` must say so.
fn is_empty(res: &mut Response, method: &Method) -> bool {
    let body = res.take_body();
    let empty = body.is_end();
    res.set_body(body);
    match res.header(CONTENT_LENGTH) {
        Some(length) => empty && length == "0",
        None => empty && *method != Method::HEAD,
    }
}

impl ShowStatus {
    fn show(&self, res: &mut Response, method: &Method, path: &str) -> Result<()> {
        let status = res.status();
        let detail = self.details.get(&status).map(String::as_str);
        // HEAD gets the length of the page for GET.
        let shown = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let page = page::html(status, detail, shown, path);
        // They described the empty body.
        for name in [CONTENT_ENCODING, ETAG, LAST_MODIFIED, ACCEPT_RANGES] {
            res.headers_mut().remove(name);
        }
        res.headers_mut()
            .insert(CONTENT_TYPE, "text/html; charset=utf-8")?;
        res.headers_mut()
            .insert(CONTENT_LENGTH, page.len().to_string())?;
        res.set_body(page);
        Ok(())
    }
}

stackup_plugin::export!(middleware ShowStatus as "show-status");

#[cfg(test)]
mod tests;
