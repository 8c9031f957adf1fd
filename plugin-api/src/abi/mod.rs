//! Everything that crosses between the host and a plugin, and the only `unsafe` of this crate.
//!
//! Authors never see this module. Its types are `#[repr(C)]`, their layout is checked by
//! `abi_stable` when a library is loaded, and these rules hold for each of them:
//!
//! * The host owns requests, responses and headers; a plugin holds a handle and a function table.
//! * A body or a future is a data pointer and a table, made by either side, freed by its maker.
//! * Nothing unwinds across: each entry of a plugin is [`contain`](plugin::panics::contain)ed.
//! * Nothing borrowed from a plugin outlives the call, but code and tables do: a library is permanent.
//!
//! A table ends in a `last_prefix_field`; what is added later stands after it and is optional.

// abi_stable's derives on today's compiler: impls inside consts, and helper items we can't attribute.
#![allow(
    missing_docs,
    non_local_definitions,
    clippy::undocumented_unsafe_blocks,
    clippy::ptr_as_ptr,
    unused_qualifications
)]

pub mod body;
pub mod future;
#[cfg(feature = "host")]
pub mod host;
pub mod metadata;
pub mod plugin;
pub mod root;
pub mod slice;
pub mod tables;
pub mod thread_state;
pub mod waker;

/// The version that must fit: for 0.x the minor number exactly, from 1 on the major number.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
