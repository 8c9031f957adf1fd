//! The stack inside another program: a service of tower ([`Stack`]), or a layer around one ([`StackLayer`]).
//!
//! The way of a request and the way of a saved file are the server's own. There is no supervisor: a crash of a plugin is the program's.

mod body;
mod client;
mod lent;
mod open;
mod open_error;
mod options;
mod probe;
mod reloads;
mod service;
mod stack;
mod wrap;

pub use self::body::{Body, BodyError};
pub use self::client::Client;
pub use self::open_error::OpenError;
pub use self::options::OpenOptions;
pub use self::probe::probe_main;
pub use self::reloads::ReloadError;
pub use self::service::ResponseFuture;
pub use self::stack::{Stack, StackLayer, layer};
pub use self::wrap::Layered;
