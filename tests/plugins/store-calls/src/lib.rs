//! An app that calls the store a number of times for each request, for benches.

#![forbid(unsafe_code)]

use stackup_plugin::{App, Context, IntoResponse, Request, Result, Store};

/// Its config.
#[stackup_plugin::config]
struct Config {
    /// What it calls.
    operation: Operation,
    /// How often for each request.
    calls: u32,
}

/// An operation of the store.
#[stackup_plugin::config]
#[derive(Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Operation {
    /// Reads a value of 1 KiB.
    Get,
    /// Stores a value of 1 KiB.
    Set,
    /// Counts.
    Add,
}

struct StoreCalls {
    operation: Operation,
    calls: u32,
    store: Store,
}

impl App for StoreCalls {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Ok(Self {
            operation: config.operation,
            calls: config.calls,
            store: cx.store(),
        })
    }

    async fn call(&self, _req: Request) -> Result {
        for _ in 0..self.calls {
            match self.operation {
                Operation::Get => {
                    let found = self.store.get("value").await?;
                    assert_eq!(found.map(|found| found.value.len()), Some(1024));
                }
                Operation::Set => {
                    self.store.set("value", [7; 1024], None).await?;
                }
                Operation::Add => {
                    self.store.add("count", 1, None).await?;
                }
            }
        }
        "done".into_response()
    }
}

stackup_plugin::export!(app StoreCalls);
