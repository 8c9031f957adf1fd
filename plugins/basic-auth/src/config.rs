//! The config of `basic-auth`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use stackup_plugin::{Context, Error, HeaderValue, Result, Secret};

use crate::hash::Hash;
use crate::htpasswd::Htpasswd;
use crate::mac::Key;
use crate::users::Users;
use crate::verifier::Verifier;

/// `[use.config]` of `basic-auth`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// What browsers show when they ask for the password.
    realm: String,
    /// Users, each with the hash of the password: argon2 or bcrypt.
    users: BTreeMap<String, Secret<String>>,
    /// A file with a line `name:hash` for each user, as Apache's `htpasswd -B` writes it.
    htpasswd: Option<PathBuf>,
    /// How often to check `htpasswd` for changes, in milliseconds.
    look_every: u64,
    /// Whose `htpasswd` to accept: by default only one that no other user can change.
    trust: Trust,
    /// Users, each with the password in plain text. For development only.
    plain: BTreeMap<String, Secret<String>>,
    /// How many seconds to remember a correct password.
    cache_for: u32,
}

/// Whose file to accept.
#[stackup_plugin::config]
#[derive(Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trust {
    /// Only one that this user or root owns, in folders of theirs, and that others can't write.
    Owner,
    /// Any.
    Any,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            realm: "Restricted".to_owned(),
            users: BTreeMap::new(),
            htpasswd: None,
            look_every: 1000,
            trust: Trust::Owner,
            plain: BTreeMap::new(),
            cache_for: 60,
        }
    }
}

impl Config {
    /// `www-authenticate` (RFC 7617 §2).
    pub(crate) fn challenge(&self) -> Result<HeaderValue> {
        let realm = self.realm.replace('\\', r"\\").replace('"', r#"\""#);
        HeaderValue::from_str(&format!(r#"Basic realm="{realm}", charset="UTF-8""#)).map_err(|_| {
            Error::config(
                "realm",
                "the realm is sent in a header: use ASCII without line breaks",
            )
        })
    }

    pub(crate) fn verifier(self, cx: &Context) -> Result<Verifier> {
        let key = Key::random()?;
        let users = self.users_in_manifest(cx, &key)?;
        let every = Duration::from_millis(self.look_every);
        let file = self.htpasswd.map(|file| cx.directory().join(file));
        if users.is_empty() && file.is_none() {
            let message = "no users; set `htpasswd` or `users`";
            return Err(Error::config("", message));
        }
        // Folders of development, such as those shared with another system, are often open to all.
        let trust = match self.trust {
            Trust::Owner if !is_development(cx) => checked_file::Trust::Owner,
            _ => checked_file::Trust::Any,
        };
        let users = Htpasswd::new(users, file, trust, every)
            .map_err(|message| Error::config("htpasswd", message))?;
        Ok(Verifier::new(
            key,
            users,
            Duration::from_secs(self.cache_for.into()),
        ))
    }

    /// The users of the manifest itself.
    fn users_in_manifest(&self, cx: &Context, key: &Key) -> Result<Users> {
        if !self.plain.is_empty() && !is_development(cx) {
            let message = format!(
                "plain-text passwords are for development, and the environment is {}; use `users` with hashes",
                cx.environment()
            );
            return Err(Error::config("plain", message));
        }
        let mut users = Users::default();
        for (name, hash) in &self.users {
            let hash = Hash::parse(hash.expose()).map_err(|why| at("users", name, why))?;
            users
                .add(name, hash)
                .map_err(|why| at("users", name, why))?;
        }
        for (name, password) in &self.plain {
            let hash = Hash::plain(password.expose(), key);
            users
                .add(name, hash)
                .map_err(|why| at("plain", name, why))?;
        }
        Ok(users)
    }
}

fn is_development(cx: &Context) -> bool {
    ["development", "test"].contains(&cx.environment())
}

fn at(table: &str, name: &str, why: &str) -> Error {
    Error::config(format!("{table}.{name}"), why)
}
