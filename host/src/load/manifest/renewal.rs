//! `[renewal]`: what retired generations may leave behind before the worker is renewed.

/// `[renewal]`. `None` is written `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Number of retired generations.
    pub generations: Option<u64>,
    /// Memory and address space of libraries that are no longer in use, in bytes.
    pub memory: Option<u64>,
    /// Threads of libraries that are no longer in use.
    pub threads: Option<u64>,
    /// Descriptors of libraries that are no longer in use.
    pub descriptors: Option<u64>,
}

impl Default for Renewal {
    fn default() -> Self {
        Self {
            generations: Some(200),
            memory: Some(1 << 30),
            threads: Some(256),
            descriptors: Some(512),
        }
    }
}
