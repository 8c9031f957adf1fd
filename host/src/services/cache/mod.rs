//! `stackup cache`: what the plugin `cache` keeps in the store, for people.
//!
//! The crate `cache-store` knows the records, `http-cache` the rules: the same code decides here and in the plugin.

mod command;
mod records;
mod text;
mod why;

pub use self::command::{CacheCommand, PurgeTarget};
