//! The config of `session`.

use stackup_plugin::cookie::Cookie;
use stackup_plugin::{Context, Error, HeaderName, Result, Secret};

use crate::cookie::SessionCookie;
use crate::expiry::Expiry;
use crate::keeper::Keeper;
use crate::seal::Seal;
use crate::stored::StoredSessions;

/// Shorter secrets could be guessed.
const MIN_LENGTH: usize = 32;

/// `[use.config]` of `session`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The first encrypts, all decrypt: to rotate a secret, put the new one before the old one. Not used with `store`.
    secrets: Vec<Secret<String>>,
    /// Whether sessions are in the server's store, and cookies only have a token.
    pub(crate) store: bool,
    /// With `store`: the session's value that names its user, so that all sessions of a user can be ended.
    pub(crate) user: Option<String>,
    /// The cookie's name.
    key: String,
    /// Browsers send the cookie for this path and those below.
    path: String,
    /// Browsers send the cookie to this host and its subdomains; by default only to the host that set it.
    domain: Option<String>,
    /// Whether browsers send it over https only.
    secure: bool,
    /// Whether to hide it from scripts in pages.
    http_only: bool,
    /// For requests from which sites browsers send it.
    same_site: SameSite,
    /// How many seconds a session lasts.
    expire_after: u64,
    /// Whether that counts from its last use or from its begin.
    expiry: Expires,
    /// Whether browsers keep it for that long, even after they are closed.
    persistent: bool,
}

/// For requests from which sites browsers send the cookie.
#[stackup_plugin::config]
#[derive(Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Only from its own site.
    Strict,
    /// Also from other sites when a user follows a link.
    Lax,
    /// From all sites.
    None,
}

/// From when a session's time counts.
#[stackup_plugin::config]
#[derive(Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Expires {
    /// From its last use.
    Sliding,
    /// From its begin, or its last `renew`.
    Fixed,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            store: false,
            user: None,
            key: "rack.session".to_owned(),
            path: "/".to_owned(),
            domain: None,
            secure: true,
            http_only: true,
            same_site: SameSite::Lax,
            // Two weeks.
            expire_after: 1_209_600,
            expiry: Expires::Sliding,
            persistent: false,
        }
    }
}

impl Config {
    /// Where the sessions are.
    pub(crate) fn keeper(&self, cx: &Context, expiry: &Expiry) -> Result<Keeper> {
        if !self.store {
            if self.user.is_some() {
                let message = "sessions in cookies can't be ended from here; set `store = true`";
                return Err(Error::config("user", message));
            }
            return Ok(Keeper::Cookie(self.seal()?));
        }
        if !self.secrets.is_empty() {
            let message = "not used with `store = true`: the cookie has a random token";
            return Err(Error::config("secrets", message));
        }
        let (cookie, user) = (self.key.clone(), self.user.clone());
        let sessions = StoredSessions::new(cx.store(), cookie, user, expiry);
        Ok(Keeper::Store(sessions))
    }

    fn seal(&self) -> Result<Seal> {
        if self.secrets.is_empty() {
            let message = "no secrets; create one with `openssl rand -hex 32`, and use `${NAME}` to read it from the environment";
            return Err(Error::config("secrets", message));
        }
        for (index, secret) in self.secrets.iter().enumerate() {
            if secret.expose().len() < MIN_LENGTH {
                let message = format!(
                    "shorter than {MIN_LENGTH} bytes; create one with `openssl rand -hex 32`"
                );
                return Err(Error::config(format!("secrets[{index}]"), message));
            }
        }
        let secrets = self.secrets.iter();
        Seal::new(secrets.map(|secret| secret.expose().as_str()), &self.key)
    }

    pub(crate) fn expiry(&self) -> Result<Expiry> {
        if self.expire_after == 0 {
            return Err(Error::config(
                "expire_after",
                "with 0 seconds no session would last",
            ));
        }
        Ok(Expiry {
            expire_after: self.expire_after,
            fixed: self.expiry == Expires::Fixed,
        })
    }

    pub(crate) fn cookie(self) -> Result<SessionCookie> {
        self.check()?;
        let same_site = match self.same_site {
            SameSite::Strict => stackup_plugin::cookie::SameSite::Strict,
            SameSite::Lax => stackup_plugin::cookie::SameSite::Lax,
            SameSite::None => stackup_plugin::cookie::SameSite::None,
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
        Ok(SessionCookie {
            blank,
            max_age: self.persistent.then_some(self.expire_after),
        })
    }

    /// Checks for what browsers reject silently.
    fn check(&self) -> Result<()> {
        let attribute = |text: &str| text.bytes().all(|b| matches!(b, b'!'..=b'~') && b != b';');
        if HeaderName::from_bytes(self.key.as_bytes()).is_err() {
            return Err(Error::config("key", "not a cookie name"));
        }
        if !self.path.starts_with('/') || !attribute(&self.path) {
            return Err(Error::config(
                "path",
                "must begin with `/` and contain no spaces or `;`",
            ));
        }
        if self
            .domain
            .as_deref()
            .is_some_and(|domain| domain.is_empty() || !attribute(domain))
        {
            return Err(Error::config("domain", "not a host name"));
        }
        if self.same_site == SameSite::None && !self.secure {
            let message = "browsers only accept `none` with `secure`";
            return Err(Error::config("same_site", message));
        }
        let host = self.key.starts_with("__Host-");
        if (host || self.key.starts_with("__Secure-")) && !self.secure {
            return Err(Error::config(
                "key",
                "browsers only accept a name with this prefix with `secure`",
            ));
        }
        if host && (self.domain.is_some() || self.path != "/") {
            let message =
                "browsers only accept a name with this prefix with `path = \"/\"` and no `domain`";
            return Err(Error::config("key", message));
        }
        Ok(())
    }
}
