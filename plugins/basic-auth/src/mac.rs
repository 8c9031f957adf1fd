//! A MAC under a key of this instance, by which secrets are compared and remembered.

use hmac::digest::CtOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use stackup_plugin::{Error, Result};

/// The MAC of some text. Comparing two takes constant time.
pub(crate) type Tag = CtOutput<Hmac<Sha256>>;

/// A random key, which never leaves this instance.
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    pub(crate) fn random() -> Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| {
            Error::msg(format!(
                "failed to get random bytes from the system: {error}"
            ))
        })?;
        Ok(Self(Hmac::new_from_slice(&key)?))
    }

    pub(crate) fn tag(&self, parts: &[&str]) -> Tag {
        let mut mac = self.0.clone();
        for part in parts {
            // The length separates `ab`, `c` from `a`, `bc`.
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize()
    }
}
