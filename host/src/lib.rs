//! Rackup for compiled Rust: the host, as a library.

pub mod manifest;
