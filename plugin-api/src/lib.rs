//! Write a stackup plugin: a middleware or an app, loaded into a running server.
//!
//! ```
//! use stackup_plugin::{Context, Middleware, Next, Request, Result};
//!
//! #[stackup_plugin::config]
//! #[derive(Default)]
//! #[serde(default)]
//! pub struct Config {
//!     /// Written before each line.
//!     prefix: String,
//! }
//!
//! pub struct Logger {
//!     prefix: String,
//! }
//!
//! impl Middleware for Logger {
//!     type Config = Config;
//!
//!     fn init(config: Config, _cx: &Context) -> Result<Self> {
//!         Ok(Self { prefix: config.prefix })
//!     }
//!
//!     async fn call(&self, req: Request, next: Next<'_>) -> Result {
//!         let line = format!("{} {}", req.method(), req.path());
//!         let res = next.run(req).await?;
//!         tracing::info!("{}: {line} -> {}", self.prefix, res.status());
//!         Ok(res)
//!     }
//! }
//!
//! stackup_plugin::export!(middleware Logger);
//! # fn main() {}
//! ```
//!
//! A handler without config can be an `async fn`:
//!
//! ```
//! async fn hello(req: stackup_plugin::Request) -> String {
//!     format!("Hello from {}\n", req.path())
//! }
//! stackup_plugin::export!(app fn hello);
//! # fn main() {}
//! ```
//!
#![doc = include_str!("author/guide.md")]
//!
//! # Editions and names
//!
//! A plugin may be of any edition, and its Cargo.toml may give this crate another name: [`export!`] and
//! [`config`](macro@config) depend on neither, nor on the prelude or on the plugin's own types.
//!
//! # Features
//!
//! * `axum`: `tower`, and what a server of axum's gives its router: `ConnectInfo`, `OriginalUri`, `OnUpgrade` for WebSockets.
//! * `cookie`: the cookies of a request, as types of the crate of that name.
//! * `futures-io`: [`Upgraded`] has the traits of the crate of that name.
//! * `testing`: calls a handler in a unit test, without a server; see `testing`.
//! * `tokio`: `export!(tokio; …)` gives the plugin a tokio runtime of its own, for crates that need one; [`Upgraded`] has the
//!   traits of `tokio::io`.
//! * `tower`: services and layers of tower as handlers: `export!(app service …)`, `export!(middleware layer …)`.
//! * `websocket`: WebSockets ([`Request::websocket`]).

/// The example in `docs/state.md`.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../docs/state.md")]
mod state_guide {}

/// The example in `docs/fetching.md`.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../docs/fetching.md")]
mod fetching_guide {}

/// The example in `docs/event-streams.md`.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../docs/event-streams.md")]
mod event_streams_guide {}

/// The examples in `docs/upgrades.md`.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../docs/upgrades.md")]
mod upgrades_guide {}

#[doc(hidden)]
pub mod abi;
mod author;
#[cfg(feature = "testing")]
pub mod testing;

pub use bytes::{self, Bytes};
#[cfg(feature = "cookie")]
pub use cookie;
pub use http::{self, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
pub use http_body;
pub use schemars;
pub use serde;
pub use serde_json;
pub use stackup_plugin_macros::config;
pub use tracing;

pub use self::abi::plugin::context::{Draining, Retiring, Sleep};
pub use self::abi::plugin::next::{Detached, Next, Running};
pub use self::author::body::{self, Body};
pub use self::author::client_certificate::ClientCertificate;
pub use self::author::context::{Context, Elapsed, MetricsFormat, Task};
pub use self::author::convert::OriginalRequest;
pub use self::author::counter::{Counter, CounterBuilder};
pub use self::author::env::{Env, EnvMut};
pub use self::author::error::{Error, Result};
pub use self::author::events;
pub use self::author::fetch::{Fetch, FetchError, FetchErrorKind, Fetching, Outgoing};
pub use self::author::fields::Fields;
pub use self::author::finished::Finished;
pub use self::author::gauge::{Gauge, GaugeBuilder};
pub use self::author::guest::{Guest, GuestListen, GuestOptions};
pub use self::author::handler::{App, Middleware};
pub use self::author::headers::{AsName, AsValue, Headers, HeadersMut, InvalidHeader, Value};
pub use self::author::histogram::{Histogram, HistogramBuilder};
pub use self::author::html::Escaped;
pub use self::author::inform::Informer;
pub use self::author::into_response::{Html, IntoFields, IntoResponse, Json};
pub use self::author::path;
pub use self::author::request::Request;
pub use self::author::response::Response;
pub use self::author::secret::Secret;
pub use self::author::session::Session;
pub use self::author::store::{
    EntryVersion, Store, StoreEntry, StoreError, StoreErrorKind, StorePage,
};
#[cfg(feature = "tower")]
pub use self::author::tower;
pub use self::author::upgrade::Upgraded;
#[cfg(feature = "websocket")]
pub use self::author::websocket;
pub use self::author::weighted::Weighted;

/// For the macros of this crate only.
#[doc(hidden)]
pub mod __private {
    pub use core;
    pub use core::primitive::{str, u8};

    pub use crate::abi::metadata::{HEAD, flatten, join, length, text};
    pub use crate::abi::plugin::entry::{Plugin, app, header, middleware};
    pub use crate::abi::plugin::names::{checked_name, distinct, name_of_path};
    pub use crate::abi::root::{HandlerEntry, Header};
    pub use crate::author::handler::{AppFn, MiddlewareFn, call_app, call_middleware};
    #[cfg(feature = "tower")]
    pub use crate::author::tower::{layer::layer, service::service};
}
