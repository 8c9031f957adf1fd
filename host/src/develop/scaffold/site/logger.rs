//! A middleware that logs each request when its response has ended.

use std::time::Instant;

use stackup_plugin::{Context, Middleware, Next, Request, Result, tracing};

/// `config` of `logger` in the manifest.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// Prefixes of paths that are not logged.
    skip: Vec<String>,
}

/// Logs each request.
pub struct Logger {
    skip: Vec<String>,
}

impl Middleware for Logger {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self { skip: config.skip })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let path = req.path().to_owned();
        if !self.skip.iter().any(|start| path.starts_with(start)) {
            let (method, began) = (req.method(), Instant::now());
            // `next` returns before the body is sent: this runs at the body's end.
            req.on_finished(move |finished| {
                let status = finished.status().map_or(0, |status| status.as_u16());
                let (bytes, took) = (finished.body_bytes(), began.elapsed());
                tracing::info!("{method} {path} {status}, {bytes} bytes in {took:.1?}");
            });
        }
        next.run(req).await
    }
}

stackup_plugin::export!(middleware Logger as "logger");

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get, json};

    use super::*;

    #[test]
    fn logs_all_paths_but_skipped_ones() {
        let log = testing::log();
        block_on(async {
            let config = json!({ "skip": ["/health"] });
            let logger = testing::middleware::<Logger>(config).unwrap();
            for path in ["/a", "/health"] {
                let res = logger.call(get(path), async |_req: Request| "hello").await;
                res.unwrap().finish().await.unwrap();
            }
        });
        let [line] = log.messages().try_into().unwrap();
        assert!(line.starts_with("GET /a 200, 5 bytes in "), "{line}");
    }
}
