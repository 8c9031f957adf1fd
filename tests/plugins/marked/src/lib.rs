//! Layers and an app that say which code, config and generation answered, each for itself.

#![forbid(unsafe_code)]

use std::time::Duration;

use stackup_plugin::{App, Body, Context, Middleware, Next, Request, Response, Result};

/// What tells this library from its copies: a test writes other digits over these in the file.
const CODE: &str = "stackup-marked-code-00000000";

/// Config of the layer and of the app.
#[stackup_plugin::config]
struct Config {
    /// Told with each mark.
    revision: u64,
}

/// `generation/revision/code`, as seen from the library that runs.
fn mark(req: &Request, config: &Config) -> String {
    // Read at run time: else the compiler may copy the text to places where no test looks for it.
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
