//! The types and functions that cross between the host and a plugin, and the only `unsafe` of this crate.
//!
//! The modules here are the types that both sides share; [`plugin`] is the plugin's side, `host` the
//! host's. Authors never see them. The types are `#[repr(C)]`, `abi_stable` checks their layout when a
//! library is loaded, and these rules hold for all of them:
//!
//! * The host owns requests, responses and headers; a plugin holds a handle and a function table.
//! * A body or a future is a data pointer and a table. Either side may make one, and the maker frees it.
//! * Nothing unwinds across the boundary: each entry point of a plugin [`contain`](plugin::panics::contain)s
//!   panics.
//! * Borrows from a plugin end with the call. Code and tables stay: a library is never unloaded.
//!
//! A table ends in a `last_prefix_field`. Later additions come after it and are optional.

// abi_stable's derives expand to impls inside consts and helper items that we can't annotate.
#![allow(
    missing_docs,
    non_local_definitions,
    clippy::undocumented_unsafe_blocks,
    clippy::ptr_as_ptr,
    unused_qualifications
)]

pub mod body;
pub mod counter;
pub mod fetch;
pub mod future;
pub mod gauge;
pub mod guest;
#[cfg(feature = "host")]
pub mod host;
pub mod metadata;
pub mod plugin;
pub mod root;
pub mod slice;
pub mod store;
pub mod tables;
pub mod thread_state;
pub mod waker;

/// The ABI version. Host and plugin must agree: on the minor number for 0.x, on the major number from 1.0.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
