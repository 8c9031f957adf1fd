//! The author's API, tested through `testing`: `cargo test -p stackup-plugin --features testing,tokio`.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod bodies; // empty, full, streamed, sent, rewritten, with on_end
mod channel; // back-pressure, and dropped readers
mod config; // what `#[config]` accepts, rejects and describes
mod env; // Rack's names
mod event_format; // server-sent events, as browsers read them
mod event_streams; // their end, silence and back-pressure
mod failures; // errors and panics, and their locations
mod fetching;
mod fields; // headers in a config
mod headers; // of requests and responses
mod http_types; // conversions to and from the `http` crate
mod life; // tried, serving, retiring; state that goes from one instance to the next
mod on_finished; // hooks at the end of a response
mod peek; // bodies that are inspected, then passed on
mod reading; // JSON, forms, queries, names in paths, cookies
mod responses; // IntoResponse
mod services; // the clock, tasks and the log
mod sessions; // between layers that use sessions and the one that stores them
mod stack;
mod store; // cancellation and wakers through several layers
#[cfg(feature = "tokio")]
mod tokio_runtime; // export!(tokio; …)
#[cfg(feature = "tower")]
mod tower; // services and layers of tower as handlers
mod upgrades; // other protocols on a connection
mod values; // what a layer leaves for those below
