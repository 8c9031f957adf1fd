//! Files that are named from outside of the program: who may change them, and reading them within bounds.
//!
//! The host and plugins use the same code, so that there is one rule.

#![forbid(unsafe_code)]

mod accounts;
mod bounded;
mod entry;
mod resolved_path;
mod secret;
mod trust;

pub use self::bounded::{ReadError, open, read, read_text};
pub use self::entry::{EntryKind, PathEntry};
pub use self::resolved_path::{ResolvedPath, Step, absolute};
pub use self::secret::read_secret_text;
pub use self::trust::{
    Judge, Trust, TrustError, Why, check, check_entries, check_search_dir, read_trusted_text,
};
