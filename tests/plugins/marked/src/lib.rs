//! Layers and an app that each report their code, config and generation.

#![forbid(unsafe_code)]

use std::time::Duration;

use stackup_plugin::{App, Body, Context, Middleware, Next, Request, Response, Result};

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-marked-code-00000000";

/// Config of the layer and of the app.
#[stackup_plugin::config]
struct Config {
    /// Part of each mark.
    revision: u64,
}

/// `generation/revision/code` of the running library.
fn mark(req: &Request, config: &Config) -> String {
    // Read at run time: otherwise the compiler may copy the text to places that no test patches.
    let code = std::hint::black_box(CODE);
    format!("{}/{}/{code}", req.generation(), config.revision)
}

struct Layer(Config);

impl Middleware for Layer {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self(config))
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let mark = mark(&req, &self.0);
        let mut res = next.run(req).await?;
        res.headers_mut().append("x-mark", mark)?;
        Ok(res)
    }
}

struct Marked {
    config: Config,
    cx: Context,
}

impl App for Marked {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let cx = cx.clone();
        Ok(Self { config, cx })
    }

    async fn call(&self, req: Request) -> Result {
        let mark = mark(&req, &self.config);
        let mut res = match req.path_info() {
            "/stream" => stream(&self.cx, mark.clone()),
            _ => {
                let mut res = Response::new(stackup_plugin::StatusCode::OK);
                res.set_body(format!("{mark}\n"));
                res
            }
        };
        res.headers_mut().append("x-mark", mark)?;
        Ok(res)
    }
}

/// Eight lines over 40 ms, so that swaps fall between its first byte and its last.
fn stream(cx: &Context, mark: String) -> Response {
    let (mut sender, body) = Body::channel(1);
    let own = cx.clone();
    cx.spawn("streams its mark", async move {
        for _ in 0..8 {
            own.sleep(Duration::from_millis(5)).await;
            if sender.send(format!("{mark}\n")).await.is_err() {
                return;
            }
        }
    });
    let mut res = Response::new(stackup_plugin::StatusCode::OK);
    res.set_body(body);
    res
}

stackup_plugin::export!(middleware Layer as "layer", app Marked as "app");
