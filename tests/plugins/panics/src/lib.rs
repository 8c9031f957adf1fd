//! An app that panics wherever a plugin's code runs: in `init` and drop by config, in requests by path.

#![forbid(unsafe_code)]

use stackup_plugin::{App, Body, Context, IntoResponse, Request, Result};

/// Its config.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    /// Panic when built.
    at_init: bool,
    /// Panic when dropped.
    at_drop: bool,
}

struct Panics {
    cx: Context,
    at_drop: bool,
}

/// Panics when dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("on purpose, in the drop of a future");
    }
}

impl App for Panics {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        assert!(!config.at_init, "on purpose, in init");
        let (cx, at_drop) = (cx.clone(), config.at_drop);
        Ok(Self { cx, at_drop })
    }

    async fn call(&self, mut req: Request) -> Result {
        match req.path_info() {
            "/call" => panic!("on purpose, in call"),
            "/later" => {
                self.cx.sleep(std::time::Duration::from_millis(1)).await;
                panic!("on purpose, after an await")
            }
            "/payload" => std::panic::panic_any(7),
            "/index" => {
                let empty: Vec<u8> = Vec::new();
                format!("{}", empty[req.path().len()]).into_response()
            }
            "/body" => {
                let mut chunks = 0;
                let body = Body::from("first\n").map_chunks(move |chunk| {
                    chunks += 1;
                    assert!(chunks > 1, "on purpose, in a body");
                    chunk
                });
                body.into_response()
            }
            "/hook" => {
                req.on_finished(|_| panic!("on purpose, in a hook"));
                "answered\n".into_response()
            }
            "/task" => {
                self.cx
                    .spawn("panics", async { panic!("on purpose, in a task") });
                "answered\n".into_response()
            }
            "/drop" => {
                let _grenade = Grenade;
                stackup_plugin::tracing::info!("panics: waiting");
                std::future::pending().await
            }
            _ => "calm\n".into_response(),
        }
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        assert!(!self.at_drop, "on purpose, in the drop of the app");
    }
}

stackup_plugin::export!(app Panics);
