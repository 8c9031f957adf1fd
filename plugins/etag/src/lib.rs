//! A middleware that sets an `etag` computed from the content: `Rack::ETag`.

#![forbid(unsafe_code)]

mod tag;

use stackup_plugin::header::{CACHE_CONTROL, ETAG, LAST_MODIFIED};
use stackup_plugin::{
    Context, Error, HeaderValue, Method, Middleware, Next, Request, Response, Result, StatusCode,
};

use self::tag::tag;

/// `[use.config]` of `etag`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// `cache-control` for a response that gets a tag here and has none; `""` sets nothing.
    cache_control: String,
    /// `cache-control` for any other response that has none; `""` sets nothing.
    no_cache_control: String,
    /// Longer bodies get no tag: other requests would wait while they are hashed.
    max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cache_control: "max-age=0, private, must-revalidate".to_owned(),
            no_cache_control: String::new(),
            max_bytes: 1024 * 1024,
        }
    }
}

/// Sets an `etag` on responses whose body is already complete.
pub struct ETag {
    tagged: Option<HeaderValue>,
    untagged: Option<HeaderValue>,
    max_bytes: u64,
}

impl Middleware for ETag {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self {
            tagged: value("cache_control", &config.cache_control)?,
            untagged: value("no_cache_control", &config.no_cache_control)?,
            max_bytes: config.max_bytes,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let reads = [Method::GET.as_str(), "HEAD", "QUERY"].contains(&req.method().as_str());
        let mut res = next.run(req).await?;
        let tag = match reads && wants_tag(&res) {
            true => self.tag(&mut res),
            false => None,
        };
        if let Some(tag) = &tag {
            res.headers_mut().insert(ETAG, tag)?;
        }
        let control = if tag.is_some() {
            &self.tagged
        } else {
            &self.untagged
        };
        if let Some(control) = control
            && !res.headers().contains(CACHE_CONTROL)
        {
            res.headers_mut().insert(CACHE_CONTROL, control)?;
        }
        Ok(res)
    }
}

/// Whether a response is a representation without a validator.
///
/// In the response to a change, a tag refers to what was stored, not to the body (RFC 9110 §9.3.4, §15.3.2), so the
/// hash of the body would be wrong.
fn wants_tag(res: &Response) -> bool {
    let validated = [ETAG, LAST_MODIFIED].map(|name| res.headers().contains(name));
    res.status() == StatusCode::OK && validated == [false; 2]
}

impl ETag {
    /// The tag of a body that is already complete; none for a streaming one.
    fn tag(&self, res: &mut Response) -> Option<String> {
        let body = res.take_body();
        if body
            .size_hint()
            .exact()
            .is_none_or(|length| length > self.max_bytes)
        {
            res.set_body(body);
            return None;
        }
        match body.into_bytes() {
            Ok(bytes) => {
                let tag = (!bytes.is_empty()).then(|| tag(&bytes));
                res.set_body(bytes);
                tag
            }
            Err(body) => {
                res.set_body(body);
                None
            }
        }
    }
}

fn value(key: &str, text: &str) -> Result<Option<HeaderValue>> {
    let refuse = |_| Error::config(key, format!("{text:?} can't be the value of a header"));
    let value = HeaderValue::try_from(text).map_err(refuse)?;
    Ok((!value.is_empty()).then_some(value))
}

stackup_plugin::export!(middleware ETag as "etag");

#[cfg(test)]
mod tests;
