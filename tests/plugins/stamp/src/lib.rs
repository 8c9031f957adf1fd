//! A middleware that adds the generation, and how many requests its instance has handled.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use stackup_plugin::{Context, Middleware, Next, Request, Result, tracing};

/// Its config.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    /// Added as `x-mark`, to tell layers apart.
    mark: String,
}

struct Stamp {
    mark: String,
    seen: AtomicU64,
}

impl Middleware for Stamp {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        tracing::info!("stamp: built {}", config.mark);
        let seen = AtomicU64::new(0);
        Ok(Self {
            mark: config.mark,
            seen,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let generation = req.generation();
        let seen = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        let mut res = next.run(req).await?;
        let mut headers = res.headers_mut();
        headers.append("x-stackup-generation", generation.to_string())?;
        headers.append("x-seen", format!("{}{seen}", self.mark))?;
        if !self.mark.is_empty() {
            headers.append("x-mark", self.mark.as_str())?;
        }
        Ok(res)
    }
}

impl Drop for Stamp {
    fn drop(&mut self) {
        tracing::info!("stamp: dropped {}", self.mark);
    }
}

stackup_plugin::export!(middleware Stamp);
