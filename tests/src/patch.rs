//! Patches a text in a library, for other code without a build.

/// `library` with each `from` replaced by `to`.
///
/// # Panics
///
/// If `from` does not occur, or `to` has another length.
pub fn patched(library: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "offsets must not change");
    let mut copy = library.to_vec();
    let mut found = false;
    let mut at = 0;
    while let Some(window) = library.get(at..at + from.len()) {
        if window == from.as_bytes() {
            copy[at..at + from.len()].copy_from_slice(to.as_bytes());
            found = true;
        }
        at += 1;
    }
    assert!(found, "{from:?} is not in the library");
    copy
}
