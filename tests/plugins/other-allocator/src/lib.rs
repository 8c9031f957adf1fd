//! An app with its own allocator: memory that crosses the ABI must be freed by its owner, or this crashes.

#![forbid(unsafe_code)]

use dlmalloc::GlobalDlmalloc;
use stackup_plugin::{App, Body, Context, Error, IntoResponse, Request, Result};

#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

struct Other {
    cx: Context,
}

impl App for Other {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        Ok(Self { cx: cx.clone() })
    }

    async fn call(&self, mut req: Request) -> Result {
        let name = "n".repeat(4096);
        req.env_mut().set("other", &name);
        let hook = vec![1_u8; 4096];
        req.on_finished(move |_| drop(hook));
        match req.path_info() {
            "/error" => Err(Error::msg("an error from another heap ".repeat(100))),
            "/panic" => panic!("{}", "a panic from another heap ".repeat(100)),
            // Shared with the host, which drops it.
            "/big" => Body::from(vec![b'b'; 1 << 20]).into_response(),
            // Read from the host, changed here, sent from a task.
            "/echo" => {
                let body = req.take_body().collect(1 << 20).await?.bytes.to_vec();
                let (mut sender, echo) = Body::channel(1);
                self.cx.spawn("echoes", async move {
                    for chunk in body.chunks(1000) {
                        if sender.send(chunk.to_vec()).await.is_err() {
                            return;
                        }
                    }
                });
                echo.into_response()
            }
            _ => {
                let response = name.into_response()?;
                Ok(response.with_header("x-long", "v".repeat(4096))?)
            }
        }
    }
}

stackup_plugin::export!(app Other);
