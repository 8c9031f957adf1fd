//! What is kept of a password.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordVerifier};
use bcrypt::HashParts;

use crate::mac::{Key, Tag};

/// What is kept of a password.
pub(crate) struct Hash {
    text: String,
    kind: Kind,
}

enum Kind {
    Argon2(Box<PasswordHash>),
    Bcrypt,
    Plain(Tag),
}

impl Hash {
    /// Of `$argon2id$v=19$m=…` or `$2b$10$…`; else what is wrong with it. A hash is no secret to show,
    /// but a password that was written in its place is.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let kind = if text.starts_with("$argon2") {
            let hash = PasswordHash::new(text).map_err(|_| "this argon2 hash is damaged")?;
            if hash.hash.is_none() || hash.salt.is_none() || Params::try_from(&hash).is_err() {
                return Err("this argon2 hash is damaged");
            }
            Kind::Argon2(Box::new(hash))
        } else if text.starts_with("$2") {
            let parts: HashParts = text.parse().map_err(|_| "this bcrypt hash is damaged")?;
            if !(4..=31).contains(&parts.get_cost()) {
                return Err("the cost of this bcrypt hash is not 4 to 31");
            }
            Kind::Bcrypt
        } else {
            return Err("neither an argon2 nor a bcrypt hash: `htpasswd -nB NAME` makes one");
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }

    /// The password itself, which is not kept.
    pub(crate) fn plain(password: &str, key: &Key) -> Self {
        let kind = Kind::Plain(key.tag(&[password]));
        let text = String::new();
        Self { text, kind }
    }

    /// Changes with the hash.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Takes as long for a wrong password as for the right one; many milliseconds on purpose.
    pub(crate) fn fits(&self, password: &str, key: &Key) -> bool {
        match &self.kind {
            Kind::Argon2(hash) => Argon2::default()
                .verify_password(password.as_bytes(), &**hash)
                .is_ok(),
            Kind::Bcrypt => bcrypt::verify(password, &self.text).unwrap_or(false),
            Kind::Plain(tag) => *tag == key.tag(&[password]),
        }
    }
}
