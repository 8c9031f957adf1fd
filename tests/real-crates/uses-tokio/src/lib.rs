//! An app that starts a tokio runtime of its own and leaks it, as a static runtime is.

#![forbid(unsafe_code)]

use stackup_plugin::{App, Context, IntoResponse, Request, Result};
use tokio::runtime::{Builder, Runtime};

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-tokio-code-00000000";

struct Own(&'static Runtime);

impl App for Own {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        Ok(Self(Box::leak(Box::new(runtime))))
    }

    async fn call(&self, _req: Request) -> Result {
        let code = std::hint::black_box(CODE).to_owned();
        self.0.spawn(async move { code }).await?.into_response()
    }
}

stackup_plugin::export!(app Own);
