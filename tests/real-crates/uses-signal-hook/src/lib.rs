//! An app that registers for SIGTERM with `signal-hook`, which calls the handlers before its own. It answers how often it
//! came.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stackup_plugin::{App, Context, IntoResponse, Request, Result};

struct Told(Arc<AtomicBool>);

impl App for Told {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        let told = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&told))?;
        Ok(Self(told))
    }

    async fn call(&self, _req: Request) -> Result {
        self.0.load(Ordering::SeqCst).to_string().into_response()
    }
}

stackup_plugin::export!(app Told);
