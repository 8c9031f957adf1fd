//! Two apps that log at every level, with `tracing` and with `log`, under targets of their own.

#![forbid(unsafe_code)]

use stackup_plugin::{IntoResponse, Request, Result, tracing};

/// Logs under the module's target and under those of a database, then that it has.
fn write(req: &Request) -> Result {
    let id = req.query();
    tracing::debug!("logs {id}: tracing debug");
    tracing::info!("logs {id}: tracing info");
    log::debug!("logs {id}: log debug");
    log::info!("logs {id}: log info");
    tracing::warn!(target: "db::pool", "logs {id}: pool warn");
    log::warn!(target: "db::pool", "logs {id}: pool log warn");
    tracing::debug!(target: "db::query", "logs {id}: query debug");
    log::debug!(target: "db::query", "logs {id}: query log debug");
    tracing::error!(target: "end", "logs {id}: end");
    "logged\n".into_response()
}

async fn first(req: Request) -> Result {
    write(&req)
}

async fn second(req: Request) -> Result {
    write(&req)
}

stackup_plugin::export!(app fn first, app fn second);
