//! An app that sends the request back as it arrives.

#![forbid(unsafe_code)]

mod head;
mod prefixed;

use stackup_plugin::{
    App, Body, Context, Error, HeaderName, Request, Response, Result, StatusCode,
};

use self::prefixed::Prefixed;

/// `[run.config]` of `echo`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// Request headers that are not sent back.
    hide: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        // An echo must leave out secrets (RFC 9110 §9.3.8).
        let secrets = ["authorization", "cookie", "proxy-authorization"];
        Self {
            hide: secrets.map(str::to_owned).to_vec(),
        }
    }
}

/// Sends back method, path, headers and body.
pub struct Echo {
    hidden: Vec<HeaderName>,
}

impl App for Echo {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let name = |(index, text): (usize, &String)| {
            HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
                Error::config(
                    format!("hide[{index}]"),
                    format!("{text:?} is not a header name"),
                )
            })
        };
        let hidden = config.hide.iter().enumerate().map(name);
        Ok(Self {
            hidden: hidden.collect::<Result<_>>()?,
        })
    }

    async fn call(&self, mut req: Request) -> Result {
        let head = head::text(&req, &self.hidden);
        let body = Prefixed::new(head, req.take_body());
        let mut res = Response::new(StatusCode::OK)
            .with_header("content-type", "text/plain; charset=utf-8")?
            // A request from another origin must not come back as a page of this one.
            .with_header("x-content-type-options", "nosniff")?
            .with_header("cache-control", "no-store")?;
        res.set_body(Body::new(body));
        Ok(res)
    }
}

stackup_plugin::export!(app Echo as "echo");

#[cfg(test)]
mod tests;
