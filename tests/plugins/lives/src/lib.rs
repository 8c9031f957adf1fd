//! An app that logs its life and hands its count over. Its config makes calls of its life fail.

#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use stackup_plugin::{
    App, Body, Bytes, Context, Error, IntoResponse, Request, Response, Result, StatusCode, tracing,
};

/// Its config.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    /// Anything: another value makes another instance.
    mark: u64,
    /// The call that fails: `serving`, `hand_over` or `inherit`.
    call: String,
    /// How: `panic`, `hang` or `error`.
    how: String,
}

/// The count of an instance that has given it away.
const GIVEN: u64 = u64::MAX / 2;

struct Lives {
    config: Config,
    count: AtomicU64,
    cx: Context,
}

impl Lives {
    /// Fails if this is the call that does.
    fn fails_in(&self, call: &str) -> Result<()> {
        if self.config.call != call {
            return Ok(());
        }
        match self.config.how.as_str() {
            "panic" => panic!("{call} panics"),
            "hang" => loop {
                std::thread::park();
            },
            _ => Err(Error::msg(format!("{call} does not work"))),
        }
    }
}

impl App for Lives {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        // Where it is only tried, it has no log.
        let line = format!("init {} trial={}\n", config.mark, cx.is_trial());
        let file = cx.directory().join("lives.txt");
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)?
            .write_all(line.as_bytes())?;
        let (mark, directory) = (config.mark, cx.directory());
        cx.spawn("of init", async move {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(directory.join("tasks.txt"));
            if let Ok(mut file) = file {
                let _ = file.write_all(format!("task {mark}\n").as_bytes());
            }
            tracing::info!("lives: the task of {mark} runs");
            std::future::pending().await
        });
        let (count, cx) = (AtomicU64::new(0), cx.clone());
        Ok(Self { config, count, cx })
    }

    fn serving(&self, _cx: &Context) -> Result<()> {
        tracing::info!("lives: {} serves", self.config.mark);
        self.fails_in("serving")
    }

    fn hand_over(&self) -> Option<Bytes> {
        self.fails_in("hand_over").ok()?;
        // From here on it has nothing to count with.
        let count = self.count.swap(GIVEN, Ordering::SeqCst);
        Some(count.to_string().into())
    }

    fn inherit(&self, state: Bytes) -> Result<()> {
        self.fails_in("inherit")?;
        let count: u64 = std::str::from_utf8(&state)?.parse()?;
        self.count.fetch_add(count, Ordering::SeqCst);
        Ok(())
    }

    async fn call(&self, req: Request) -> Result {
        if req.path() == "/until-retiring" {
            let (mut sender, body) = Body::channel(1);
            let cx = self.cx.clone();
            self.cx.spawn("says goodbye", async move {
                let _ = sender.send("hello\n").await;
                cx.retiring().await;
                let _ = sender.send("goodbye\n").await;
            });
            return Body::into_response(body);
        }
        let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if count > GIVEN {
            return Ok(Response::new(StatusCode::SERVICE_UNAVAILABLE));
        }
        format!("{count}\n").into_response()
    }
}

impl Drop for Lives {
    fn drop(&mut self) {
        tracing::info!("lives: dropped {}", self.config.mark);
    }
}

stackup_plugin::export!(app Lives);
