//! The hash that identifies a library's content.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// How many bytes are read at a time.
const CHUNK: usize = 64 << 10;

/// SHA-256 of a library file's content. Equal fingerprints mean the same code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Hashes `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// Hashes the whole of an open file, wherever its offset is.
    ///
    /// # Errors
    ///
    /// It can't be read.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        let (mut hasher, mut chunk, mut offset) = (Hasher::default(), vec![0; CHUNK], 0);
        loop {
            match file.read_at(&mut chunk, offset) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(count) => {
                    hasher.update(&chunk[..count]);
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The first twelve hex digits, for display.
    #[must_use]
    pub fn short(&self) -> String {
        let mut hex = self.to_string();
        hex.truncate(12);
        hex
    }
}

/// Hashes content in chunks.
#[derive(Debug, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, chunk: &[u8]) {
        self.0.update(chunk);
    }

    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A text that is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 has 64 hexadecimal digits, as `sha256sum` prints them; this has {0}")]
pub struct BadFingerprint(String);

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(BadFingerprint(format!(
                "{} characters",
                text.chars().count()
            )));
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0], text)? << 4 | digit(pair[1], text)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(byte: u8, text: &str) -> Result<u8, BadFingerprint> {
    let value = char::from(byte)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok());
    value.ok_or_else(|| {
        let other = text
            .chars()
            .find(|c| !c.is_ascii_hexdigit())
            .unwrap_or('\u{fffd}');
        BadFingerprint(format!("{other:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn display_is_sha256_in_lower_case_hex() {
        assert_eq!(Fingerprint::of(b"abc").to_string(), ABC);
        assert_eq!(Fingerprint::of(b"abc").short(), "ba7816bf8f01");
    }

    #[test]
    fn parse_accepts_its_own_output_and_upper_case() {
        assert_eq!(ABC.parse(), Ok(Fingerprint::of(b"abc")));
        assert_eq!(ABC.to_uppercase().parse(), Ok(Fingerprint::of(b"abc")));
    }

    #[test]
    fn parse_error_says_what_is_wrong() {
        let error = "abc".parse::<Fingerprint>().unwrap_err().to_string();
        assert!(error.ends_with("this has 3 characters"), "{error}");
        let error = ABC
            .replace('7', "x")
            .parse::<Fingerprint>()
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("this has 'x'"), "{error}");
        assert!("é".repeat(32).parse::<Fingerprint>().is_err());
    }
}
