//! What an author sees, through `testing`: `cargo test -p stackup-plugin --features testing,tokio`.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod bodies; // empty, full, streamed, sent, rewritten, watched
mod channel; // back-pressure, and readers that leave
mod config; // what `#[config]` accepts, refuses and describes
mod ends; // on_finished
mod env; // Rack's names
mod failures; // errors and panics, and where they say they were
mod fields; // headers in a config
mod headers; // of requests and responses
mod http_types; // there and back
mod looked_at; // bodies that are looked at, then passed on
mod responses; // IntoResponse
mod services; // the clock, tasks and the log
mod sessions; // between those who use them and who keeps them
mod stack; // cancellation and wakers through several layers
#[cfg(feature = "tokio")]
mod tokio_runtime; // export!(tokio; …)
