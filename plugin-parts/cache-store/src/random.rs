//! Names that nobody else gives.

use std::hash::{BuildHasher, RandomState};

/// Random bytes: each hasher of std has a key of its own.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    for chunk in bytes.chunks_mut(8) {
        let number = RandomState::new().hash_one(N).to_le_bytes();
        chunk.copy_from_slice(&number[..chunk.len()]);
    }
    bytes
}
