//! The way of a saved file, up to libraries that are fit to stand in a stack.

pub(crate) mod atomic_file;
pub mod library;
pub mod lock;
pub mod manifest;
pub mod probe;
pub(crate) mod program;
pub mod schema;
pub mod snapshot;
pub mod watch;
