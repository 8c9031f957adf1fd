//! Libraries that differ in a text only, so that their code is another without being built anew.

/// `library` with `to` wherever `from` stands.
///
/// # Panics
///
/// When `from` stands nowhere, or `to` is not as long.
pub fn patched(library: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the places of all else must stay");
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
