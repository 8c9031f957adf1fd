//! From a file to a library that is fit to load.
//!
//! Knows files and libraries; knows neither HTTP nor TOML. All of it blocks.

mod cache;
mod choose;
mod compatibility;
mod content;
mod describe;
mod fingerprint;
mod load;
mod loaded;
mod locate;
mod looks_like;
mod metadata;
mod pin;
mod prepare;
mod runtime_copy;
mod runtime_dir;
#[cfg(test)]
mod sample;
mod settle;
mod store;
mod trust;

pub use self::cache::{Found, Shelf, TakeError};
pub use self::choose::ChooseError;
pub use self::compatibility::Misfit;
pub use self::content::ReadError;
pub use self::describe::{DescribeError, describe};
pub use self::fingerprint::{BadFingerprint, Fingerprint};
pub use self::load::{Library, LoadError, attach, load};
pub use self::loaded::{Count, Loaded};
pub use self::locate::{NotFound, file_name, locate, plugins_in};
pub use self::metadata::{HandlerInfo, HandlerKind, Metadata, MetadataError, Panic};
pub use self::pin::{LockError, PinError, check_lock, check_pin};
pub use self::prepare::{Cause, Demands, PrepareError, Prepared, Stage, prepare};
pub use self::runtime_copy::CopyError;
pub use self::runtime_dir::{Candidate, RuntimeDir, RuntimeDirError};
pub use self::settle::{
    FileFacts, GaveUp, Now, Patience, Settle, SettleError, Sight, Verdict, settle,
};
pub use self::store::Vault;
pub use self::trust::{Entry, Ids, Kind, Trust, TrustError, check_owners, judge};
