//! The author's API, exported by `lib.rs`. It has no `unsafe`: it calls [`crate::abi::plugin`].

pub(crate) mod block_on;
pub mod body;
pub(crate) mod client_certificate;
pub(crate) mod context;
pub(crate) mod convert;
pub(crate) mod counter;
pub(crate) mod env;
pub(crate) mod error;
pub mod events;
mod export;
pub(crate) mod fetch;
pub(crate) mod fields;
pub(crate) mod finished;
mod forward;
pub(crate) mod gauge;
pub(crate) mod guest;
pub(crate) mod handler;
pub(crate) mod headers;
pub(crate) mod histogram;
pub(crate) mod html;
pub(crate) mod inform;
pub(crate) mod into_response;
mod labelled;
pub(crate) mod logging;
pub mod path;
mod read;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod secret;
pub(crate) mod session;
mod shared;
pub(crate) mod store;
#[cfg(feature = "tower")]
pub mod tower;
pub(crate) mod upgrade;
mod values;
#[cfg(feature = "websocket")]
pub mod websocket;
pub(crate) mod weighted;
