//! Rackup for compiled Rust: the host, as a library.
//!
//! A request goes `server → generation → stack → handler` and back; a saved file goes
//! `watch → build → library → generation`. See ARCHITECTURE.md for the map.

pub mod library;
pub mod manifest;
pub mod watch;
