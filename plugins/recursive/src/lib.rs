//! A middleware that lets the layers below forward a request to another path: `Rack::Recursive`.

#![forbid(unsafe_code)]

use stackup_plugin::{Context, Error, Middleware, Next, Request, Result};

/// `[use.config]` of `recursive`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// How often one request may be forwarded.
    most: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { most: 10 }
    }
}

/// Runs the layers below again for each forward.
pub struct Recursive {
    most: usize,
}

impl Middleware for Recursive {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self { most: config.most })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        for _ in 0..=self.most {
            let fork = req.fork();
            let res = next.again().run(fork).await?;
            match res.forwards_to() {
                Some(path) => req.go_to(path)?,
                None => return Ok(res),
            }
        }
        let (most, path) = (self.most, req.path_info());
        let message = format!("forwarded more than {most} times, the last time to {path}");
        Err(Error::msg(message))
    }
}

stackup_plugin::export!(middleware Recursive as "recursive");

#[cfg(test)]
mod tests;
