//! Patches a text in a library, for other code without a build.

/// A library, and where one text occurs in it.
#[derive(Debug, Clone)]
pub struct Patch {
    library: Vec<u8>,
    length: usize,
    offsets: Vec<usize>,
}

impl Patch {
    /// Finds `text` in the library.
    ///
    /// # Panics
    ///
    /// If it does not occur.
    pub fn new(library: Vec<u8>, text: &str) -> Self {
        let (mut offsets, mut at) = (Vec::new(), 0);
        while let Some(window) = library.get(at..at + text.len()) {
            if window == text.as_bytes() {
                offsets.push(at);
            }
            at += 1;
        }
        assert!(!offsets.is_empty(), "{text:?} is not in the library");
        Self {
            library,
            length: text.len(),
            offsets,
        }
    }

    /// The library with `text` in its place.
    ///
    /// # Panics
    ///
    /// If it has another length.
    pub fn with(&self, text: &str) -> Vec<u8> {
        assert_eq!(text.len(), self.length, "offsets must not change");
        let mut copy = self.library.clone();
        for &at in &self.offsets {
            copy[at..at + self.length].copy_from_slice(text.as_bytes());
        }
        copy
    }
}

/// `library` with each `from` replaced by `to`.
///
/// # Panics
///
/// If `from` does not occur, or `to` has another length.
pub fn patched(library: &[u8], from: &str, to: &str) -> Vec<u8> {
    Patch::new(library.to_vec(), from).with(to)
}
