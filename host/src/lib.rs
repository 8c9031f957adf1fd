//! Rackup for compiled Rust: the host, as a library.
//!
//! A request goes `server → generation → stack → handler` and back; a saved file goes
//! `watch → compile → library → generation`. See ARCHITECTURE.md for the map.

pub mod cli;
pub mod develop;
pub mod load;
pub mod policy;
pub mod process;
pub mod serve;
pub mod services;
