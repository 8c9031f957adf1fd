//! Calls a handler in a unit test: no server, no library, no unsafe.
//!
//! ```
//! use stackup_plugin::{Next, Request, Result, testing};
//!
//! # struct Shout;
//! # impl stackup_plugin::Middleware for Shout {
//! #     type Config = ();
//! #     fn init((): (), _cx: &stackup_plugin::Context) -> Result<Self> { Ok(Self) }
//! #     async fn call(&self, req: Request, next: Next<'_>) -> Result {
//! #         let mut res = next.run(req).await?;
//! #         res.map_body(|body| body.map_chunks(|chunk| chunk.to_ascii_uppercase().into()));
//! #         Ok(res)
//! #     }
//! # }
//! testing::block_on(async {
//!     let shout = testing::middleware::<Shout>(testing::json!({}))?;
//!     let res = shout.call(testing::get("/"), async |_req: Request| "hello").await?;
//!     assert_eq!(res.status(), 200);
//!     assert_eq!(res.finish().await?, "HELLO");
//!     Ok::<_, stackup_plugin::Error>(())
//! })
//! # .unwrap();
//! ```

pub(crate) mod clock;
mod drain;
mod functions;
mod life;
mod log;
mod mounted;
mod request;
#[cfg(feature = "tokio")]
pub(crate) mod runtime;
mod server;
pub(crate) mod services;
mod shared;
mod store;

pub use serde_json::{Value as Json, json};

pub use self::clock::{Clock, clock};
pub use self::functions::{app_fn, middleware_fn};
#[cfg(feature = "tower")]
pub use self::functions::{app_service, middleware_layer};
pub use self::life::trial;
pub use self::log::{Line, Log, log};
pub use self::mounted::{Answered, Mounted, app, middleware};
pub use self::request::{TestRequest, get, post, request};
#[cfg(feature = "tokio")]
pub use self::runtime::with_tokio;
pub use self::server::server;
pub use self::services::block_on;
pub(crate) use self::shared::mounting_thread;
pub use self::store::{TestStore, store};
