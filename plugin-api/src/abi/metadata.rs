//! The text in a library's metadata section, built at compile time.

/// The section's name in an object file.
#[cfg(not(target_vendor = "apple"))]
pub const SECTION: &str = ".stackup";
/// The section's name in an object file.
#[cfg(target_vendor = "apple")]
pub const SECTION: &str = "__DATA,__stackup";

/// The lines that are the same for every plugin built with this crate.
pub const HEAD: &str = concat!(
    "stackup-plugin=1\nabi=",
    env!("CARGO_PKG_VERSION"),
    "\nrustc=",
    env!("STACKUP_RUSTC"),
    "\n"
);

/// `text` on one line: a description in Cargo.toml may have several.
pub const fn flatten<const N: usize>(text: &str) -> [u8; N] {
    let (bytes, mut out, mut i) = (text.as_bytes(), [0; N], 0);
    while i < bytes.len() {
        out[i] = if bytes[i].is_ascii_control() {
            b' '
        } else {
            bytes[i]
        };
        i += 1;
    }
    out
}

/// The bytes as text: only ASCII has been replaced.
pub const fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}

/// The total length of `parts`.
pub const fn length(parts: &[&str]) -> usize {
    let (mut sum, mut i) = (0, 0);
    while i < parts.len() {
        sum += parts[i].len();
        i += 1;
    }
    sum
}

/// Joins `parts`; `N` is their [`length`].
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut out = [0; N];
    let (mut at, mut i) = (0, 0);
    while i < parts.len() {
        let bytes = parts[i].as_bytes();
        let mut j = 0;
        while j < bytes.len() {
            out[at] = bytes[j];
            at += 1;
            j += 1;
        }
        i += 1;
    }
    out
}
