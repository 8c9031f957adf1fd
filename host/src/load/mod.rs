//! From a saved file to libraries that are ready for a stack.

pub mod acme;
pub(crate) mod atomic_file;
pub mod certificates;
pub mod library;
pub mod lock;
pub mod manifest;
pub mod probe;
pub(crate) mod program;
pub(crate) mod saved_libraries;
pub mod schema;
pub mod site;
pub(crate) mod site_file;
pub mod snapshot;
pub(crate) mod toml_text;
pub(crate) mod tunables;
pub mod watch;
