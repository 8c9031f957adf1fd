//! What `basic-auth` is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use stackup_plugin::{Context, Error, HeaderValue, Result};

use crate::hash::Hash;
use crate::htpasswd::Htpasswd;
use crate::mac::Key;
use crate::users::Users;
use crate::verifier::Gate;

/// `[use.config]` of `basic-auth`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// What browsers say that the password is for.
    realm: String,
    /// Names, each with the hash of its password: argon2 or bcrypt.
    users: BTreeMap<String, String>,
    /// A file with a line `name:hash` for each, as Apache's `htpasswd -B` writes it.
    htpasswd: Option<PathBuf>,
    /// How long it may take until a change of `htpasswd` is noticed, in milliseconds.
    look_every: u64,
    /// Names, each with its password as it is. In development only.
    plain: BTreeMap<String, String>,
    /// For how many seconds a password that was right is not hashed again.
    cache_for: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            realm: "Restricted".to_owned(),
            users: BTreeMap::new(),
            htpasswd: None,
            look_every: 1000,
            plain: BTreeMap::new(),
            cache_for: 60,
        }
    }
}

impl Config {
    /// `www-authenticate` (RFC 7617 §2).
    pub(crate) fn challenge(&self) -> Result<HeaderValue> {
        let realm = self.realm.replace('\\', r"\\").replace('"', r#"\""#);
        HeaderValue::from_str(&format!(r#"Basic realm="{realm}", charset="UTF-8""#))
            .map_err(|_| Error::config("realm", "it is sent in a header: ASCII, no line ends"))
    }

    pub(crate) fn gate(self, cx: &Context) -> Result<Gate> {
        let key = Key::random()?;
        let users = self.named(cx, &key)?;
        let every = Duration::from_millis(self.look_every);
        let file = self.htpasswd.map(|file| cx.directory().join(file));
        if users.is_empty() && file.is_none() {
            let message = "nobody could come in: give `htpasswd` or `users`";
            return Err(Error::config("", message));
        }
        let users = Htpasswd::new(users, file, every)
            .map_err(|message| Error::config("htpasswd", message))?;
        Ok(Gate::new(
            key,
            users,
            Duration::from_secs(self.cache_for.into()),
        ))
    }

    /// Those of the manifest itself.
    fn named(&self, cx: &Context, key: &Key) -> Result<Users> {
        if !self.plain.is_empty() && !["development", "test"].contains(&cx.environment()) {
            let message = format!(
                "passwords that are not hashed are for development, and this is {}: use `users`",
                cx.environment()
            );
            return Err(Error::config("plain", message));
        }
        let mut users = Users::default();
        for (name, hash) in &self.users {
            let hash = Hash::parse(hash).map_err(|why| at("users", name, why))?;
            users
                .add(name, hash)
                .map_err(|why| at("users", name, why))?;
        }
        for (name, password) in &self.plain {
            let hash = Hash::plain(password, key);
            users
                .add(name, hash)
                .map_err(|why| at("plain", name, why))?;
        }
        Ok(users)
    }
}

fn at(table: &str, name: &str, why: &str) -> Error {
    Error::config(format!("{table}.{name}"), why)
}
