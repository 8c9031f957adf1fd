//! Files below a directory, as HTTP serves them: what `files`, `directory` and `static` share.
//!
//! A path of a URL becomes a [`FilePath`], which has no way out; a [`Folder`] opens what it names; an
//! [`OpenFile`] answers, with conditions, ranges and a body that is read as it is sent.
//!
//! # Where files are read
//!
//! A request is served on a thread of the host, which a slow disk must not hold up. So what may wait
//! for one (open, stat, read) is done by the threads of the crate `blocking`, which start when there
//! is work and end when there is none; a tokio of the plugin's own would do the same with one
//! thread more for each handler. One job opens a file and reads the first [`CHUNK`] of it,
//! which is all of most files.
//!
//! Further chunks are read when the connection can take them, so that a download holds one chunk and
//! no thread while its client is slow. A job costs 15 to 40 µs more than the read itself, which takes
//! 5 µs for a chunk that the system has in memory (both measured on a busy machine with two
//! cores). So Linux is first asked for what it has in memory (`RWF_NOWAIT`), and a thread reads what it has not.

#![forbid(unsafe_code)]

mod body;
mod coding;
mod conditions;
mod error;
mod escape;
mod folder;
mod listing;
mod open;
mod path;
mod ranges;
mod response;
pub mod sendfile;
mod validators;

pub use self::body::CHUNK;
pub use self::coding::{Accepted, Coding};
pub use self::error::{ALLOW, asks_for_no_file, refusal};
pub use self::escape::escape;
pub use self::folder::{Folder, Found, OpenFile, Symlinks};
pub use self::listing::{Entry, Kind};
pub use self::path::{BadPath, FilePath};
pub use self::response::Asked;
