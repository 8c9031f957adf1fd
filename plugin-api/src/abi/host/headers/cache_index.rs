//! Where a thread keeps what plugins say again and again: by address, for an author's constants and
//! config stay where they are. Whether they are still the same bytes is asked anyway.

/// A number that is the same for the same place, to be taken modulo the slots there are.
#[inline]
pub(super) fn set_of(bytes: &[u8]) -> usize {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (bytes.as_ptr().addr() as u64).wrapping_mul(GOLDEN);
    (mixed >> 32) as usize
}
