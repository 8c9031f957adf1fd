//! The smallest realistic middleware, for the benches.

#![forbid(unsafe_code)]

use stackup_plugin::{Context, Error, Middleware, Next, Request, Result, StatusCode};

/// Its config.
#[stackup_plugin::config]
struct Config {
    /// The request header that must be there.
    read: String,
    /// The response header that is set.
    set: String,
    /// Its value.
    value: String,
}

/// Reads one request header and sets one response header.
struct Header(Config);

impl Middleware for Header {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self(config))
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let Config { read, set, value } = &self.0;
        if req.headers().get(read).is_none() {
            return Err(Error::msg("a header is missing").with_status(StatusCode::BAD_REQUEST));
        }
        let mut res = next.run(req).await?;
        res.headers_mut().insert(set, value)?;
        Ok(res)
    }
}

/// Passes on what it gets.
async fn nothing(req: Request, next: Next<'_>) -> Result {
    next.run(req).await
}

stackup_plugin::export!(middleware Header as "header", middleware fn nothing);
