//! Computing a tag (RFC 9110 §8.8.3).

use xxhash_rust::xxh3::xxh3_128;

/// A weak tag, as in Rack: a layer above may still change the bytes without changing their meaning.
///
/// The hash has 128 bits and is fast rather than cryptographic: a tag tells states of one resource apart, for those who trust
/// the server.
pub(crate) fn tag(bytes: &[u8]) -> String {
    format!("W/\"{:032x}\"", xxh3_128(bytes))
}
