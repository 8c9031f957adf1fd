//! An app that sends a number of requests to another server for each of its own, for benches.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use stackup_plugin::{App, Context, IntoResponse, Request, Result, http};

/// Its config.
#[stackup_plugin::config]
struct Config {
    /// The server's unix socket.
    socket: PathBuf,
    /// How many requests it sends for each.
    calls: u32,
}

struct FetchCalls {
    config: Config,
    context: Context,
}

impl App for FetchCalls {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let context = cx.clone();
        Ok(Self { config, context })
    }

    async fn call(&self, _req: Request) -> Result {
        for _ in 0..self.config.calls {
            let request = http::Request::get("http://localhost/").body(())?;
            let fetch = self.context.fetch(request).unix(&self.config.socket);
            let body = fetch.await?.take_body().collect(1 << 20).await?;
            assert_eq!(body.bytes.len(), 1024);
        }
        "done".into_response()
    }
}

stackup_plugin::export!(app FetchCalls);
