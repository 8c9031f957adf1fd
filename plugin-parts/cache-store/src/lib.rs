//! How a cache keeps responses in the store.
//!
//! [`Entries`] finds, stores and removes them in a namespace; the plugin `cache` and `stackup cache` share it. An [`Entry`] is
//! a record; its key is made of its [`Target`] and, where it has variants, of the request ([`Place`]). Bodies that are not
//! short are pieces of their own.

#![forbid(unsafe_code)]

mod find;
mod index;
mod list;
mod part;
mod pieces;
mod place;
mod purge;
mod purge_log;
mod random;
mod record;
mod records;
mod refusal;
mod remove;
mod target;
mod write;

pub use self::find::{Entries, Found, StoredEntry};
pub use self::index::Index;
pub use self::list::{Listed, Listing};
pub use self::part::StoredPart;
pub use self::pieces::PIECE;
pub use self::place::Place;
pub use self::purge::Purge;
pub use self::random::random;
pub use self::record::{BodyId, Content, Draft, Entry, finished};
pub use self::records::{Page, Records, Stored};
pub use self::refusal::Refusal;
pub use self::target::Target;
pub use self::write::LONGEST_LIFE;

#[cfg(test)]
mod tests;
