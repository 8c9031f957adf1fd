//! The text in a library's metadata section, put together at compile time.

/// The section's name in an object file.
#[cfg(not(target_vendor = "apple"))]
pub const SECTION: &str = ".stackup";
/// The section's name in an object file.
#[cfg(target_vendor = "apple")]
pub const SECTION: &str = "__DATA,__stackup";

/// The lines that are the same for every plugin of this crate's build.
pub const HEAD: &str = concat!(
    "stackup-plugin=1\nabi=",
    env!("CARGO_PKG_VERSION"),
    "\nrustc=",
    env!("STACKUP_RUSTC"),
    "\n"
);

/// How long `parts` are together.
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
