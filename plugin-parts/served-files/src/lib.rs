//! Files below a directory, as HTTP serves them: what `files`, `directory` and `static` share.
//!
//! The path of a URL becomes a [`FilePath`], which can't leave the root. A [`Folder`] opens what it names. An
//! [`OpenFile`] responds, with conditions, ranges and a body that is read while it is sent.
//!
//! # Where files are read
//!
//! Requests run on the host's threads, which a slow disk must not block. So the calls that may wait for a disk (open,
//! stat, read) run on the threads of the crate `blocking`, which start when there is work and end when there is none.
//! A tokio runtime in the plugin would do the same with one more thread for each handler. One job opens a file and
//! reads it, if it is no longer than a [`CHUNK`], as most files are.
//!
//! A job costs 15 to 40 µs more than what it does. So Linux is first asked for what it has in memory: names
//! (`RESOLVE_CACHED`) and content (`RWF_NOWAIT`). Only what it does not have, or what needs a link to be resolved, is a
//! job. Files that were found within the last second are not even opened (`RecentFiles`).
//!
//! Chunks of longer files are read when the connection is ready for them, so a download by a slow client holds one chunk
//! and no thread.

#![forbid(unsafe_code)]

mod access;
mod body;
mod buffers;
mod coding;
mod conditions;
mod error;
mod escape;
mod folder;
mod listing;
mod look;
mod open;
mod path;
mod ranges;
mod recent;
mod response;
mod root;
pub mod sendfile;
mod state;
mod validators;

pub use self::body::CHUNK;
pub use self::coding::{Accepted, Coding};
pub use self::error::{
    error_response, options_response, remove_what_describes_the_file, respond_without_file,
};
pub use self::escape::escape;
pub use self::folder::{Folder, Found, OpenFile};
pub use self::listing::{Entry, Kind, Listing, MAX_ENTRIES};
pub use self::path::{BadPath, FilePath};
pub use self::response::FileRequest;
pub use self::root::Symlinks;
