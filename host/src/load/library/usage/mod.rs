//! What libraries hold of their process: memory, threads, descriptors. Each by the private copy that is mapped.

pub(super) mod descriptors;
mod memory;
mod proc_maps;
pub(super) mod threads;

use std::collections::HashMap;

pub use self::memory::anonymous;
pub(super) use self::memory::anonymous_by_file;
pub(super) use self::proc_maps::{ProcMaps, library_name};
pub(super) use self::threads::by_file as threads_by_file;

/// Amounts by the path of a file.
pub(super) type ByFile = HashMap<String, u64>;

/// What all copies of a plugin's library hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PluginUsage {
    /// The plugin, as its library calls it.
    pub plugin: String,
    /// How many copies are loaded.
    pub copies: u64,
    /// How many of them no generation uses.
    pub unused: u64,
    /// The bytes of memory that are theirs alone.
    pub memory: u64,
    /// The threads that run their code.
    pub threads: u64,
    /// The descriptors that were opened while they were loaded or their handlers built, and are still open.
    pub descriptors: u64,
}
