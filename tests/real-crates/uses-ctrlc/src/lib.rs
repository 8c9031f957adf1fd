//! An app that takes SIGINT, SIGTERM and SIGHUP with `ctrlc`, as programs do. It answers how often they came.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stackup_plugin::{App, Context, IntoResponse, Request, Result};

struct Counts(Arc<AtomicU64>);

impl App for Counts {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        ctrlc::set_handler(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        })?;
        Ok(Self(count))
    }

    async fn call(&self, _req: Request) -> Result {
        self.0.load(Ordering::SeqCst).to_string().into_response()
    }
}

stackup_plugin::export!(app Counts);
