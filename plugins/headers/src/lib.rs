//! A middleware that sets, appends and removes headers of requests and responses.

#![forbid(unsafe_code)]

mod config;
mod edits;

use stackup_plugin::{Context, Middleware, Next, Request, Result};

pub use self::config::{Changes, Config, Values};
use self::edits::Edits;

/// Changes headers on the way down and on the way up.
pub struct Headers {
    request: Edits,
    response: Edits,
}

impl Middleware for Headers {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let shorthand = Changes {
            set: config.set,
            append: config.append,
            remove: config.remove,
        };
        let (mut request, mut response) = (Edits::default(), Edits::default());
        request.add("request.", config.request)?;
        response.add("", shorthand)?;
        response.add("response.", config.response)?;
        Ok(Self { request, response })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        if !self.request.is_empty() {
            self.request.apply(req.headers_mut())?;
        }
        let mut res = next.run(req).await?;
        self.response.apply(res.headers_mut())?;
        Ok(res)
    }
}

stackup_plugin::export!(middleware Headers as "headers");

#[cfg(test)]
mod tests;
