//! Rackup for compiled Rust: the host, as a library.
//!
//! A request goes `server → generation → stack → handler` and back; a saved file goes
//! `watch → build → library → generation`. See ARCHITECTURE.md for the map.

pub mod build;
pub mod cli;
pub mod control;
pub mod dev;
pub mod generation;
pub mod library;
pub mod link;
pub mod lint;
pub mod lock;
pub mod manifest;
pub mod new;
pub mod policy;
pub mod probe;
mod program;
pub mod schema;
pub mod server;
pub mod services;
pub mod stack;
pub mod supervisor;
pub mod trace;
pub mod watch;
mod whole;
pub mod worker;
