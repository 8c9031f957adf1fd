//! A middleware that panics on some paths before it calls the next layer, and marks the response otherwise.

#![forbid(unsafe_code)]

use stackup_plugin::{Next, Request, Result};

async fn shaky(req: Request, next: Next<'_>) -> Result {
    assert_ne!(req.path(), "/shaky", "on purpose, in a middleware");
    next.run(req)
        .await?
        .with_header("x-shaky", "passed")
        .map_err(Into::into)
}

stackup_plugin::export!(middleware fn shaky);
