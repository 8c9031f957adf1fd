//! An app that redirects clients.

#![forbid(unsafe_code)]

mod location;

use stackup_plugin::{App, Context, Error, Request, Response, Result, StatusCode, header};

use self::location::Location;

/// `[run.config]` of `redirect`.
#[stackup_plugin::config]
pub struct Config {
    /// The target: an `http` or `https` URL, or a path on this server.
    to: String,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "moved")]
    status: u16,
    /// Whether to append the rest of the path.
    #[serde(default)]
    path: bool,
    /// Whether to append the query.
    #[serde(default)]
    query: bool,
}

/// Permanent, and the method stays the same (RFC 9110 §15.4.9).
fn moved() -> u16 {
    308
}

/// Redirects clients.
pub struct Redirect {
    status: StatusCode,
    to: Location,
    path: bool,
    query: bool,
}

impl App for Redirect {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let status = match config.status {
            301 | 302 | 303 | 307 | 308 => StatusCode::from_u16(config.status)?,
            other => {
                let message = format!("{other} is not a redirect; use 301, 302, 303, 307 or 308");
                return Err(Error::config("status", message));
            }
        };
        Ok(Self {
            status,
            to: Location::new(&config.to)?,
            path: config.path,
            query: config.query,
        })
    }

    async fn call(&self, req: Request) -> Result {
        let path = if self.path { req.path_info() } else { "" };
        let query = if self.query { req.query() } else { "" };
        let location = self.to.with(path, query);
        Ok(Response::new(self.status).with_header(header::LOCATION, location)?)
    }
}

stackup_plugin::export!(app Redirect as "redirect");

#[cfg(test)]
mod tests;
