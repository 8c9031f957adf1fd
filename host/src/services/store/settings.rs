//! `[store]`: which engine keeps the entries, and what it needs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The engine and its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// In the worker's memory.
    Memory {
        /// The bytes that the entries may take, their own costs included.
        bytes: u64,
    },
    /// In a file.
    File {
        /// The file, from the manifest's folder.
        path: PathBuf,
    },
    /// In a Redis server.
    Redis(RedisSettings),
}

impl StoreSettings {
    /// The same, with paths from `folder`.
    #[must_use]
    pub fn from_folder(&self, folder: &Path) -> Self {
        match self {
            Self::File { path } => Self::File {
                path: folder.join(path),
            },
            other => other.clone(),
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self::Memory { bytes: 64 << 20 }
    }
}

/// How to reach a Redis server, and which keys there are the store's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// Where it is.
    pub url: RedisUrl,
    /// How long a call may take.
    pub timeout: Duration,
    /// What every key of the store begins with.
    pub prefix: String,
}

impl RedisSettings {
    /// The time for a call where the manifest has none.
    pub const TIMEOUT: Duration = Duration::from_secs(1);
    /// What keys begin with where the manifest says nothing.
    pub const PREFIX: &'static str = "stackup";
    /// The longest prefix.
    pub const LONGEST_PREFIX: usize = 64;
}

/// The URL of a Redis server. It may have a password, so it is never shown as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    #[cfg_attr(not(feature = "redis"), allow(dead_code))]
    url: String,
    shown: String,
}

impl RedisUrl {
    /// Checks a URL: `redis://[user[:password]@]host[:port][/database]`, `rediss://…` for TLS, or
    /// `redis+unix:///path/to.sock`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without the URL itself.
    pub fn parse(url: &str) -> Result<Self, String> {
        Ok(Self {
            shown: super::redis::address(url)?,
            url: url.to_owned(),
        })
    }

    /// The whole URL, with its password.
    #[cfg(feature = "redis")]
    pub(super) fn reveal(&self) -> &str {
        &self.url
    }
}

/// Shows host and port, or the socket's path.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({})", self.shown)
    }
}
