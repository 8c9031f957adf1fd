//! A library that is no plugin.

#![forbid(unsafe_code)]

/// The answer.
pub fn answer() -> u8 {
    42
}
