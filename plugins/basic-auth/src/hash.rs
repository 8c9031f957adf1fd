//! The hash of a password.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use bcrypt::HashParts;

use crate::mac::{Key, Tag};

/// How much memory an argon2 hash may take, in KiB, for each core that hashes: 256 MiB.
const MAX_MEMORY: u32 = 256 << 10;

/// How many KiB it may fill, all passes together: 1 GiB, a second or two.
const MAX_WORK: u64 = 1 << 20;

/// Each one more doubles the time: 16 takes some seconds, 31 takes days.
const MAX_BCRYPT_COST: u32 = 16;

/// The hash of a password.
pub(crate) struct Hash {
    text: String,
    kind: Kind,
}

enum Kind {
    Argon2(Box<PasswordHash>),
    Bcrypt,
    Plain(Tag),
}

/// Whoever can guess has these costs paid for each guess, so a mistake in them is a way to stop the server.
fn check_cost(params: &Params) -> Result<(), &'static str> {
    if params.m_cost() > MAX_MEMORY {
        return Err(
            "this argon2 hash takes more than 256 MiB of memory (`m=262144`): create one with less",
        );
    }
    if u64::from(params.m_cost()) * u64::from(params.t_cost()) > MAX_WORK {
        return Err(
            "this argon2 hash takes too long: `m` times `t` is more than 1048576 (1 GiB): create one with fewer passes",
        );
    }
    Ok(())
}

/// Whether a password can match it. One that no password can match takes no time to check, which shows that its user exists.
fn is_complete(hash: &PasswordHash) -> bool {
    let known = Algorithm::try_from(hash.algorithm.as_str()).is_ok()
        && hash
            .version
            .is_none_or(|version| Version::try_from(version).is_ok());
    let mut names: Vec<_> = hash.params.iter().map(|(name, _)| name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    known && names.len() == count && hash.hash.is_some() && hash.salt.is_some()
}

impl Hash {
    /// Parses `$argon2id$v=19$m=…` or `$2b$10$…`. Error messages do not repeat the text: it may be a password by
    /// mistake.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let kind = if text.starts_with("$argon2") {
            let hash = PasswordHash::new(text).map_err(|_| "not a valid argon2 hash")?;
            let params = Params::try_from(&hash).map_err(|_| "not a valid argon2 hash")?;
            if !is_complete(&hash) {
                return Err("not a valid argon2 hash");
            }
            check_cost(&params)?;
            Kind::Argon2(Box::new(hash))
        } else if text.starts_with("$2") {
            let parts: HashParts = text.parse().map_err(|_| "not a valid bcrypt hash")?;
            if !(4..=MAX_BCRYPT_COST).contains(&parts.get_cost()) {
                return Err(
                    "the cost of this bcrypt hash is not between 4 and 16: `htpasswd -nB -C 12 NAME` creates one of 12",
                );
            }
            Kind::Bcrypt
        } else {
            return Err("neither an argon2 nor a bcrypt hash; create one with `htpasswd -nB NAME`");
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }

    /// Of a plain-text password, which is not stored.
    pub(crate) fn plain(password: &str, key: &Key) -> Self {
        let kind = Kind::Plain(key.tag(&[password]));
        let text = String::new();
        Self { text, kind }
    }

    /// The text of the hash; empty for a plain-text password.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the password matches. Takes some milliseconds on purpose, also for a wrong one.
    pub(crate) fn matches(&self, password: &str, key: &Key) -> bool {
        match &self.kind {
            Kind::Argon2(hash) => Argon2::default()
                .verify_password(password.as_bytes(), &**hash)
                .is_ok(),
            Kind::Bcrypt => bcrypt::verify(password, &self.text).unwrap_or(false),
            Kind::Plain(tag) => *tag == key.tag(&[password]),
        }
    }
}
