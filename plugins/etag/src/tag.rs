//! Computing a tag (RFC 9110 §8.8.3).

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// A weak tag, as in Rack: a layer above may still change the bytes without changing their meaning.
pub(crate) fn tag(bytes: &[u8]) -> String {
    let mut tag = "W/\"".to_owned();
    for byte in &Sha256::digest(bytes)[..16] {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}
