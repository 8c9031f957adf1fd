//! Authenticated encryption of cookies.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use stackup_plugin::{Error, Result};

use crate::token::random;

/// The first byte of a sealed text, for future formats.
const VERSION: u8 = 1;
/// Long enough for random nonces (XChaCha20).
const NONCE: usize = 24;

/// The first key seals, all open.
pub(crate) struct Seal(Vec<XChaCha20Poly1305>);

impl Seal {
    /// Derives keys for a `purpose`: text sealed for one does not open for another.
    pub(crate) fn new<'s>(
        secrets: impl IntoIterator<Item = &'s str>,
        purpose: &str,
    ) -> Result<Self> {
        let keys = secrets.into_iter().map(|secret| {
            let mut key = [0; 32];
            Hkdf::<Sha256>::new(None, secret.as_bytes())
                .expand_multi_info(&[b"stackup session 1 ", purpose.as_bytes()], &mut key)
                .map_err(|error| Error::msg(format!("failed to derive a key: {error}")))?;
            Ok(XChaCha20Poly1305::new(&Key::from(key)))
        });
        Ok(Self(keys.collect::<Result<_>>()?))
    }

    pub(crate) fn seal(&self, text: &[u8]) -> Result<String> {
        let nonce = random::<NONCE>()?;
        let sealed = self
            .0
            .first()
            .and_then(|key| key.encrypt(&XNonce::from(nonce), text).ok())
            .ok_or_else(|| Error::msg("failed to encrypt the session"))?;
        let all = [&[VERSION], &nonce[..], &sealed].concat();
        Ok(URL_SAFE_NO_PAD.encode(all))
    }

    /// None if the text was not sealed with one of the secrets for this purpose.
    pub(crate) fn open(&self, text: &str) -> Option<Vec<u8>> {
        let all = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = all.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        if *version != VERSION {
            return None;
        }
        let nonce = XNonce::from(*nonce);
        self.0
            .iter()
            .find_map(|key| key.decrypt(&nonce, sealed).ok())
    }
}
