//! `[store]`: where plugins keep what must survive a reload.

/// `[store]`. The engine is in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The bytes that the entries may take, their own costs included.
    pub memory: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { memory: 64 << 20 }
    }
}
