//! A middleware that compresses responses while they stream: `Rack::Deflater`.

#![forbid(unsafe_code)]

mod accept;
mod compressed;
mod config;
mod contexts;
mod encoder;
mod headers;

use stackup_plugin::header::{CONTENT_LENGTH, CONTENT_RANGE};
use stackup_plugin::{
    Body, Context, IntoResponse, Method, Middleware, Next, Request, Response, Result, StatusCode,
};

use self::accept::{Choice, choose};
use self::compressed::{CompressedBody, PIECE};
pub use self::config::{Coding, Config, Levels};
use self::contexts::Contexts;
use self::encoder::Encoder;

/// How a response relates to its compressed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It has none.
    Fixed,
    /// It stays as it is, and varies as the whole response does.
    Part,
    /// It has one.
    Whole,
}

/// Compresses responses for clients that accept it.
pub struct Deflater {
    config: Config,
    contexts: Contexts,
}

impl Middleware for Deflater {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        config.check()?;
        Ok(Self {
            config,
            contexts: Contexts::default(),
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let choice = choose(req.headers(), &self.config.codings);
        let is_head = req.method() == Method::HEAD;
        let mut res = next.run(req).await?;
        let form = self.form(&mut res, is_head);
        if form == Form::Fixed {
            return Ok(res);
        }
        // The form depends on the request even if it is the plain one.
        headers::vary(&mut res)?;
        match choice {
            _ if form == Form::Part => {}
            Choice::Coding(coding) => self.encode(&mut res, coding, is_head)?,
            Choice::NotAcceptable if res.status().is_success() => return not_acceptable(),
            Choice::NotAcceptable | Choice::Identity => {}
        }
        Ok(res)
    }
}

impl Deflater {
    /// How a response relates to its compressed form.
    fn form(&self, res: &mut Response, is_head: bool) -> Form {
        if headers::is_fixed(res) {
            return Form::Fixed;
        }
        match res.status() {
            // It has the headers of the 200, but not its type (RFC 9110 §15.4.5).
            StatusCode::NOT_MODIFIED => Form::Whole,
            // They have the `vary` of the 200 (§15.3.7). The type of a 206 may be that of its parts.
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => Form::Part,
            StatusCode::PARTIAL_CONTENT if headers::is_multipart(res) => Form::Part,
            StatusCode::PARTIAL_CONTENT if self.config.includes(res) => Form::Part,
            StatusCode::PARTIAL_CONTENT | StatusCode::NO_CONTENT => Form::Fixed,
            status if status.is_informational() => Form::Fixed,
            // A range is one of the bytes of one form (§14.4).
            _ if res.headers().contains(CONTENT_RANGE) => Form::Fixed,
            _ if self.config.includes(res) && !is_empty(res, is_head) => Form::Whole,
            _ => Form::Fixed,
        }
    }

    /// Compresses a response.
    fn encode(&self, res: &mut Response, coding: Coding, is_head: bool) -> Result<()> {
        headers::weaken_etag(res)?;
        if res.status() == StatusCode::NOT_MODIFIED {
            return Ok(());
        }
        headers::encoded(res, coding)?;
        // HEAD has the headers of GET, and no body (RFC 9110 §9.3.2).
        if !is_head {
            let mut encoder = Encoder::new(coding, &self.config.level, &self.contexts)?;
            let body = match res.take_body().into_bytes() {
                // All of it in one pass: its length is known, and it needs no chunks.
                Ok(bytes) if bytes.len() <= PIECE => {
                    encoder.write(&bytes)?;
                    let compressed = encoder.finish()?;
                    let length = compressed.len().to_string();
                    res.headers_mut().insert(CONTENT_LENGTH, length)?;
                    compressed.into()
                }
                Ok(bytes) => {
                    Body::new(CompressedBody::new(bytes.into(), encoder, self.config.sync))
                }
                Err(body) => Body::new(CompressedBody::new(body, encoder, self.config.sync)),
            };
            res.set_body(body);
        }
        Ok(())
    }
}

/// Whether the content is empty. The body of a response to HEAD does not tell.
fn is_empty(res: &mut Response, is_head: bool) -> bool {
    let body = res.take_body();
    let empty = body.is_end();
    res.set_body(body);
    res.header(CONTENT_LENGTH) == Some("0") || (empty && !is_head)
}

/// The response to a client that accepts neither one of the codings nor `identity` (RFC 9110 §12.5.3).
fn not_acceptable() -> Result {
    let message =
        "The client accepts none of the encodings that the server has for this content.\n";
    let mut res = (StatusCode::NOT_ACCEPTABLE, message).into_response()?;
    headers::vary(&mut res)?;
    Ok(res)
}

stackup_plugin::export!(middleware Deflater as "deflater");

#[cfg(test)]
mod tests;
