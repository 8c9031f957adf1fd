//! A middleware that panics where the path says, before what is below it; else it marks the response.

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
