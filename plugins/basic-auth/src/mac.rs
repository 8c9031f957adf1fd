//! A key of this instance alone, under which secrets may be compared and remembered.

use hmac::digest::CtOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use stackup_plugin::{Error, Result};

/// What a key makes of some text. Two are compared in the same time wherever they differ.
pub(crate) type Tag = CtOutput<Hmac<Sha256>>;

/// A random key, which nobody ever sees.
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    pub(crate) fn random() -> Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::msg(format!("the system has no random bytes: {error}")))?;
        Ok(Self(Hmac::new_from_slice(&key)?))
    }

    pub(crate) fn tag(&self, parts: &[&str]) -> Tag {
        let mut mac = self.0.clone();
        for part in parts {
            // With its length, `ab`, `c` is not `a`, `bc`.
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize()
    }
}
