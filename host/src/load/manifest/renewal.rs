//! `[renewal]`: what retired generations may leave behind before the worker is renewed.

/// `[renewal]`. `None` is written `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Number of retired generations.
    pub generations: Option<u64>,
    /// Address space of libraries that are no longer in use, in bytes.
    pub memory: Option<u64>,
}

impl Default for Renewal {
    fn default() -> Self {
        Self {
            generations: Some(200),
            memory: Some(1 << 30),
        }
    }
}
