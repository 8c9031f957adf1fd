//! An app that blocks its thread: in `init` and drop by config, in requests by path.

#![forbid(unsafe_code)]

use std::thread::sleep;
use std::time::Duration;

use stackup_plugin::{App, Body, Context, IntoResponse, Request, Result};

/// Its config.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    /// Milliseconds to block when built and when dropped.
    at_ends: u64,
}

struct Blocks {
    cx: Context,
    at_ends: Duration,
}

impl App for Blocks {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let at_ends = Duration::from_millis(config.at_ends);
        sleep(at_ends);
        let cx = cx.clone();
        Ok(Self { cx, at_ends })
    }

    /// `/call/700` blocks for 700 ms, `/call/gate` until the test opens the gate, a named pipe in the site.
    async fn call(&self, req: Request) -> Result {
        let (where_, time) = req.path_info()[1..].split_once('/').unwrap_or_default();
        let gate = time == "gate";
        let time = Duration::from_millis(time.parse().unwrap_or_default());
        let block = move || match gate {
            true => drop(std::fs::read("gate")),
            false => sleep(time),
        };
        match where_ {
            "call" => block(),
            "body" => {
                let body = Body::from("slept\n").map_chunks(move |chunk| {
                    block();
                    chunk
                });
                return body.into_response();
            }
            "task" => drop(self.cx.spawn("sleeps", async move { block() })),
            "wait" => self.cx.sleep(time).await,
            _ => {}
        }
        "slept\n".into_response()
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        sleep(self.at_ends);
    }
}

stackup_plugin::export!(app Blocks);
