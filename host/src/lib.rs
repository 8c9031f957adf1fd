//! The host.
pub mod library;
pub mod watch;
