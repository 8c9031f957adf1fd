//! An app that always sends the same response.

#![forbid(unsafe_code)]

mod config;

use stackup_plugin::{
    App, Bytes, Context, Error, Fields, Request, Response, Result, StatusCode, header,
};

pub use self::config::Config;

/// Sends the same response to every request.
pub struct Respond {
    status: StatusCode,
    content_type: Option<String>,
    headers: Fields,
    body: Bytes,
}

impl App for Respond {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let status = config.status()?;
        let (content_type, body) = config.content(cx)?;
        if config::bodiless(status) && !body.is_empty() {
            let message = format!("a response with status {status} has no body (RFC 9110 §6.4.1)");
            return Err(Error::config("status", message));
        }
        Ok(Self {
            status,
            content_type,
            headers: config.headers,
            body,
        })
    }

    async fn call(&self, _req: Request) -> Result {
        let mut res = Response::new(self.status);
        if let Some(content_type) = &self.content_type {
            res.headers_mut()
                .insert(header::CONTENT_TYPE, content_type)?;
        }
        self.headers.set_on(res.headers_mut())?;
        res.set_body(self.body.clone());
        Ok(res)
    }
}

stackup_plugin::export!(app Respond as "respond");

#[cfg(test)]
mod tests;
