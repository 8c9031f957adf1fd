//! Rackup for compiled Rust: the host, as a library.
//!
//! A request goes `server → generation → stack → handler` and back; a saved file goes
//! `watch → compile → library → generation`. See ARCHITECTURE.md for the map.

#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, unused_imports, reason = "only the program uses it")
)]

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "develop")]
pub mod develop;
mod embed;
pub mod load;
pub mod policy;
#[cfg(feature = "cli")]
pub mod process;
pub mod serve;
pub mod services;

pub use self::embed::{
    Body, BodyError, Client, Layered, OpenError, OpenOptions, ReloadError, ResponseFuture, Stack,
    StackLayer, layer, probe_main,
};
