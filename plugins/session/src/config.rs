//! What `session` is told.

use cookie::Cookie;
use stackup_plugin::{Error, HeaderName, Result};

use crate::cookie::Jar;
use crate::expiry::Clock;
use crate::seal::Seal;

/// Shorter secrets can be guessed.
const SHORTEST: usize = 32;

/// `[use.config]` of `session`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The first encrypts, each decrypts: to take another one, put it before the old one.
    secrets: Vec<String>,
    /// The cookie's name.
    key: String,
    /// The paths to which browsers send it: this one and those below.
    path: String,
    /// The host to which browsers send it, with those below; only the very host if there is none.
    domain: Option<String>,
    /// Whether browsers send it by https alone.
    secure: bool,
    /// Whether scripts of a page do not see it.
    http_only: bool,
    /// From which sites browsers send it along.
    same_site: SameSite,
    /// After how many seconds a session that is not used is over.
    expire_after: u64,
    /// Whether browsers keep it when they end, for as long.
    persistent: bool,
}

/// From which sites browsers send the cookie along.
#[stackup_plugin::config]
#[derive(Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// From its own alone.
    Strict,
    /// From others as well where somebody follows a link.
    Lax,
    /// From all.
    None,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            key: "rack.session".to_owned(),
            path: "/".to_owned(),
            domain: None,
            secure: true,
            http_only: true,
            same_site: SameSite::Lax,
            // Two weeks.
            expire_after: 1_209_600,
            persistent: false,
        }
    }
}

impl Config {
    pub(crate) fn seal(&self) -> Result<Seal> {
        if self.secrets.is_empty() {
            let message = "none: `openssl rand -hex 32` makes one, and `${NAME}` takes it from the environment";
            return Err(Error::config("secrets", message));
        }
        for (index, secret) in self.secrets.iter().enumerate() {
            if secret.len() < SHORTEST {
                let message =
                    format!("shorter than {SHORTEST} bytes: `openssl rand -hex 32` makes one");
                return Err(Error::config(format!("secrets[{index}]"), message));
            }
        }
        Seal::new(&self.secrets, &self.key)
    }

    pub(crate) fn clock(&self) -> Result<Clock> {
        if self.expire_after == 0 {
            return Err(Error::config(
                "expire_after",
                "0 seconds: no session would last",
            ));
        }
        Ok(Clock {
            expire_after: self.expire_after,
        })
    }

    pub(crate) fn jar(self) -> Result<Jar> {
        self.check()?;
        let same_site = match self.same_site {
            SameSite::Strict => cookie::SameSite::Strict,
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::None => cookie::SameSite::None,
        };
        let mut blank = Cookie::build((self.key, ""))
            .path(self.path)
            .http_only(self.http_only)
            .secure(self.secure)
            .same_site(same_site)
            .build();
        if let Some(domain) = self.domain {
            blank.set_domain(domain);
        }
        Ok(Jar {
            blank,
            max_age: self.persistent.then_some(self.expire_after),
        })
    }

    /// What browsers would not take, and would not say so.
    fn check(&self) -> Result<()> {
        let attribute = |text: &str| text.bytes().all(|b| matches!(b, b'!'..=b'~') && b != b';');
        if HeaderName::from_bytes(self.key.as_bytes()).is_err() {
            return Err(Error::config("key", "no name of a cookie"));
        }
        if !self.path.starts_with('/') || !attribute(&self.path) {
            return Err(Error::config(
                "path",
                "it begins with `/`, without spaces or `;`",
            ));
        }
        if self
            .domain
            .as_deref()
            .is_some_and(|domain| domain.is_empty() || !attribute(domain))
        {
            return Err(Error::config("domain", "no name of a host"));
        }
        if self.same_site == SameSite::None && !self.secure {
            let message = "browsers take `none` with `secure` alone";
            return Err(Error::config("same_site", message));
        }
        let host = self.key.starts_with("__Host-");
        if (host || self.key.starts_with("__Secure-")) && !self.secure {
            return Err(Error::config(
                "key",
                "browsers take such a name with `secure` alone",
            ));
        }
        if host && (self.domain.is_some() || self.path != "/") {
            let message = "browsers take such a name with `path` `/` and no `domain` alone";
            return Err(Error::config("key", message));
        }
        Ok(())
    }
}
