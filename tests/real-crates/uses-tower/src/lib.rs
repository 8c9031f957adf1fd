//! axum's router, and services and layers of tower and tower-http, as handlers.

#![forbid(unsafe_code)]

mod layers;
mod router;

use std::path::PathBuf;

use tower_http::services::ServeDir;

#[stackup_plugin::config]
struct Files {
    /// What is served.
    folder: PathBuf,
}

fn files(config: Files, cx: &stackup_plugin::Context) -> ServeDir {
    ServeDir::new(cx.directory().join(config.folder))
}

stackup_plugin::export!(tokio;
    app service router::router,
    app service files,
    middleware layer layers::catch_panic as "catch-panic",
    middleware layer layers::compression,
    middleware layer layers::cors,
    middleware layer layers::one_at_a_time as "one-at-a-time",
    middleware layer layers::request_id as "request-id",
    middleware layer layers::timeout,
    middleware layer layers::trace
);
