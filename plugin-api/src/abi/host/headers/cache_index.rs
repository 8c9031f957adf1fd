//! The index into a thread's caches of header names and values. It comes from the address of the text,
//! since constants and config values stay in place. The caches still compare the bytes.

/// A hash of the address; take it modulo the number of slots.
#[inline]
pub(super) fn cache_index(bytes: &[u8]) -> usize {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (bytes.as_ptr().addr() as u64).wrapping_mul(GOLDEN);
    (mixed >> 32) as usize
}
