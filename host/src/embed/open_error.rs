//! Why a stack could not be opened.

use std::fmt;
use std::io;

/// Why [`Stack::open`](super::Stack::open) failed. Its text has several lines, and is the same with `{:?}`: what `main` returns is readable.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The manifest, a library, a plugin's `init` or the warm-up. The text says which, where and how to fix it.
    #[error("{0}")]
    Refused(String),
    /// There is no private directory to load libraries from.
    #[error("{0}")]
    NoDirectory(String),
    /// The system refuses something else: a watch of files, a thread.
    #[error("{what}: {error}")]
    System {
        /// What failed.
        what: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The runtime of tokio ended before the stack was open.
    #[error("the runtime ended before the stack was built")]
    RuntimeEnded,
}

impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
