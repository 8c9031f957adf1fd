//! A middleware that compresses responses as they stream: Rack's `Rack::Deflater`.

#![forbid(unsafe_code)]

mod accept;
mod compressed;
mod config;
mod encoder;
mod headers;

use stackup_plugin::header::CONTENT_LENGTH;
use stackup_plugin::{
    Body, Context, IntoResponse, Method, Middleware, Next, Request, Response, Result, StatusCode,
};

use self::accept::{Choice, choose};
use self::compressed::Compressed;
pub use self::config::{Coding, Config, Levels};
use self::encoder::Encoder;

/// Compresses responses for clients that take it.
pub struct Deflater {
    config: Config,
}

impl Middleware for Deflater {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        config.check()?;
        Ok(Self { config })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let choice = choose(req.headers(), &self.config.codings);
        let is_head = req.method() == Method::HEAD;
        let mut res = next.run(req).await?;
        if !self.concerns(&mut res, is_head) {
            return Ok(res);
        }
        // Which form it has depends on the request, even where that is the plain one.
        headers::vary(&mut res)?;
        match choice {
            Choice::Coding(coding) => self.encode(&mut res, coding, is_head)?,
            Choice::Nothing if res.status().is_success() => return not_acceptable(),
            Choice::Nothing | Choice::Identity => {}
        }
        Ok(res)
    }
}

impl Deflater {
    /// Whether a response is one that has a compressed form.
    fn concerns(&self, res: &mut Response, is_head: bool) -> bool {
        if headers::is_fixed(res) {
            return false;
        }
        match res.status() {
            // It says what the 200 would, but not of what type that is (RFC 9110 §15.4.5).
            StatusCode::NOT_MODIFIED => true,
            StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT => false,
            status if status.is_informational() => false,
            _ => self.config.includes(res) && !is_empty(res, is_head),
        }
    }

    /// Puts a response into its compressed form.
    fn encode(&self, res: &mut Response, coding: Coding, is_head: bool) -> Result<()> {
        headers::weaken_etag(res)?;
        if res.status() == StatusCode::NOT_MODIFIED {
            return Ok(());
        }
        headers::encoded(res, coding)?;
        // HEAD has the headers of GET, and nothing to compress (RFC 9110 §9.3.2).
        if !is_head {
            let encoder = Encoder::new(coding, &self.config.level)?;
            res.map_body(|body| Body::new(Compressed::new(body, encoder, self.config.sync)));
        }
        Ok(())
    }
}

/// Whether there is nothing to compress. The body of an answer to HEAD says nothing of that.
fn is_empty(res: &mut Response, is_head: bool) -> bool {
    let body = res.take_body();
    let empty = body.is_end();
    res.set_body(body);
    res.header(CONTENT_LENGTH) == Some("0") || (empty && !is_head)
}

/// The answer to who takes neither a coding that there is nor none (RFC 9110 §12.5.3).
fn not_acceptable() -> Result {
    let message = "The client accepts no encoding of this content that the server has.\n";
    let mut res = (StatusCode::NOT_ACCEPTABLE, message).into_response()?;
    headers::vary(&mut res)?;
    Ok(res)
}

stackup_plugin::export!(middleware Deflater as "deflater");

#[cfg(test)]
mod tests;
