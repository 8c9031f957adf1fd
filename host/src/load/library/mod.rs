//! From a file to a library that is ready to load.
//!
//! Knows files and libraries; knows neither HTTP nor TOML. Every function blocks.

mod cache;
mod choose;
mod compatibility;
mod content;
mod describe;
mod embedded;
mod fingerprint;
mod load;
mod loaded;
mod loader_error;
mod locate;
mod looks_like;
mod metadata;
mod pin;
mod prepare;
mod runtime_copy;
mod runtime_dir;
#[cfg(test)]
mod sample;
mod search_path;
mod settle;
mod static_tls;
pub(crate) mod store;
mod trust;
mod usage;

pub use self::cache::{LibraryCache, LibraryError, ResolvedLibrary};
pub use self::choose::ChooseError;
pub use self::compatibility::IncompatibleError;
pub use self::content::ReadError;
pub use self::describe::{DescribeError, describe};
pub use self::embedded::Embedded;
pub(crate) use self::fingerprint::Hasher;
pub use self::fingerprint::{BadFingerprint, Fingerprint};
pub use self::load::{
    Library, LoadError, ProcessChange, ProcessState, attach, keep_signals, load, preload,
    restore_signals,
};
pub use self::loaded::{LibraryCounts, LoadedLibraries};
pub use self::loader_error::{LoaderError, help_in};
pub use self::locate::{NotFound, file_name, locate, plugins_in};
pub use self::metadata::{HandlerInfo, HandlerKind, Metadata, MetadataError, Panic};
pub use self::pin::{LockError, PinError, check_lock, check_pin};
pub use self::prepare::{
    Cause, PrepareError, Prepared, Requirements, RestoreError, Stage, prepare,
};
pub use self::runtime_copy::CopyError;
pub(crate) use self::runtime_dir::sweep_after_holder;
pub use self::runtime_dir::{BaseDir, RuntimeDir, RuntimeDirError};
pub use self::settle::{
    Clocks, Decision, FileStat, Observation, Settle, SettleError, SettleFailure, SettleTimeouts,
    settle,
};
pub use self::static_tls::static_tls;
pub use self::store::LibraryStore;
pub use self::trust::TrustError;
pub use self::usage::{PluginUsage, anonymous};
pub use checked_file::Trust;
