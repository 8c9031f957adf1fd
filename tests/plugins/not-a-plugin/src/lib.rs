//! Some library that stackup has nothing to do with.

#![forbid(unsafe_code)]

/// The answer.
pub fn answer() -> u8 {
    42
}
