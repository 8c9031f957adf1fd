//! The config of `proxy`.

use std::fmt::Display;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use gateway::{Forwarded, Heads, Host, Limits, Path, seconds};
use stackup_plugin::{Bytes, Context, Error, HeaderName, Result, StatusCode};

use crate::Proxy;
use crate::attempts::Attempts;
use crate::balance::{Balance, HashKey};
use crate::check::Check;
use crate::health::Rule;
use crate::upstream::{Address, Upstreams};

/// The longest file of certificates.
const MAX_CA: u64 = 1 << 20;

/// `[run.config]` of `proxy`.
#[stackup_plugin::config]
pub struct Config {
    /// The servers: `http://host:port` or `https://host:port`, possibly with a path that comes before that of the request, or
    /// `unix:/path/of.sock`. Relative paths of sockets are relative to the manifest.
    to: Servers,
    /// A file (PEM) of the certificates that servers by `https` are trusted by, in place of those that the system trusts. Relative to
    /// the manifest.
    ca: Option<PathBuf>,
    /// Which server a request goes to.
    #[serde(default)]
    balance: BalanceConfig,
    /// The `host` that servers see.
    #[serde(default)]
    host: Host,
    /// The path that servers see.
    #[serde(default)]
    path: Path,
    /// The headers that tell servers about the client. Those that clients send themselves are removed.
    #[serde(default)]
    forwarded: Forwarded,
    /// How often a request is tried again, on another server where there is one. Only what repeats nothing is: a request that no
    /// server has seen, or one without a body and with an idempotent method.
    #[serde(default = "one")]
    retries: u32,
    /// After how many failures in a row a server gets no requests for a while; 0 for never.
    #[serde(default = "three")]
    failures: u32,
    /// For how many seconds it gets none.
    #[serde(default = "ten")]
    cool_down: f64,
    /// How many seconds a connection may take.
    #[serde(default = "ten")]
    connect_timeout: f64,
    /// How many seconds a server may take until the head of its response.
    #[serde(default = "sixty")]
    head_timeout: f64,
    /// How many seconds a server may send nothing of its response's body.
    #[serde(default = "sixty")]
    body_timeout: f64,
    /// Asks each server from time to time whether it works.
    check: Option<CheckConfig>,
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}

fn ten() -> f64 {
    10.0
}

fn sixty() -> f64 {
    60.0
}

/// One server, or several.
#[stackup_plugin::config]
#[serde(untagged, expecting = "a server, or a list of servers")]
pub(crate) enum Servers {
    /// `"http://10.0.0.7:3000"`.
    One(String),
    /// `["http://10.0.0.7:3000", "unix:/run/app.sock"]`.
    Several(#[schemars(length(min = 1))] Vec<String>),
}

/// How to choose a server.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BalanceConfig {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight.
    LeastBusy,
    /// The same server for the same `client`, `path`, `header:NAME` or `cookie:NAME`, as long as it works.
    Hash(String),
}

/// How to ask a server whether it works.
#[stackup_plugin::config]
pub(crate) struct CheckConfig {
    /// The path to ask for.
    path: String,
    /// Seconds between two questions.
    #[serde(default = "five")]
    every: f64,
    /// How many seconds an answer may take.
    #[serde(default = "five")]
    timeout: f64,
    /// The status of a server that works; any below 400 if missing.
    #[schemars(range(min = 200, max = 599))]
    status: Option<u16>,
}

fn five() -> f64 {
    5.0
}

impl Config {
    /// # Errors
    ///
    /// The key that is invalid, and why.
    pub(crate) fn proxy(self, cx: &Context) -> Result<Proxy> {
        let (to, is_one) = match self.to {
            Servers::One(server) => (vec![server], true),
            Servers::Several(servers) => (servers, false),
        };
        if to.is_empty() {
            return Err(Error::config("to", "there is no server"));
        }
        let mut addresses = Vec::new();
        for (index, text) in to.iter().enumerate() {
            let key = || match is_one {
                true => "to".to_owned(),
                false => format!("to[{index}]"),
            };
            let address = Address::parse(text, &cx.directory())
                .map_err(|why| Error::config(key(), format!("`{text}`: {why}")))?;
            if addresses.contains(&address) {
                return Err(Error::config(key(), format!("`{text}` is there twice")));
            }
            addresses.push(address);
        }
        let balance = match self.balance {
            BalanceConfig::RoundRobin => Balance::round_robin(),
            BalanceConfig::LeastBusy => Balance::least_busy(),
            BalanceConfig::Hash(key) => Balance::Hash(hash_key(&key)?),
        };
        let rule = Rule {
            failures: self.failures,
            cool_down: seconds("cool_down", self.cool_down)?,
        };
        let limits = Limits {
            connect: seconds("connect_timeout", self.connect_timeout)?,
            head: seconds("head_timeout", self.head_timeout)?,
            body: seconds("body_timeout", self.body_timeout)?,
        };
        let check = self.check.map(CheckConfig::check).transpose()?;
        let ca = match self.ca {
            Some(_) if !addresses.iter().any(Address::is_tls) => {
                return Err(Error::config("ca", "no server in `to` is reached by https"));
            }
            Some(file) => Some(read_ca(&cx.directory().join(file))?),
            None => None,
        };
        Ok(Proxy {
            upstreams: Arc::new(Upstreams::new(addresses, balance, rule, ca)),
            heads: Heads {
                host: self.host,
                path: self.path,
                forwarded: self.forwarded,
            },
            attempts: Attempts::new(cx.clone(), self.retries, limits),
            check,
        })
    }
}

impl CheckConfig {
    fn check(self) -> Result<Check> {
        if !self.path.starts_with('/') {
            let why = format!("`{}` does not begin with `/`", self.path);
            return Err(Error::config("check.path", why));
        }
        let status = self.status.map(StatusCode::from_u16).transpose();
        Ok(Check {
            path: self.path,
            every: seconds("check.every", self.every)?,
            timeout: seconds("check.timeout", self.timeout)?,
            status: status.map_err(|error| Error::config("check.status", error))?,
        })
    }
}

fn read_ca(file: &FilePath) -> Result<Bytes> {
    let invalid = |why: &dyn Display| Error::config("ca", format!("{}: {why}", file.display()));
    let content = checked_file::read(file, MAX_CA).map_err(|error| invalid(&error))?;
    let begin = b"-----BEGIN CERTIFICATE-----";
    match content.windows(begin.len()).any(|part| part == begin) {
        true => Ok(content.into()),
        false => Err(invalid(&"it has no certificate (PEM)")),
    }
}

fn hash_key(text: &str) -> Result<HashKey> {
    let name = |name: &str| {
        let parsed: Result<HeaderName, _> = name.parse();
        parsed.map_err(|_| Error::config("balance.hash", format!("`{name}` is no header's name")))
    };
    Ok(match text.split_once(':') {
        None if text == "client" => HashKey::Client,
        None if text == "path" => HashKey::Path,
        Some(("header", header)) => HashKey::Header(name(header)?),
        Some(("cookie", cookie)) if !cookie.is_empty() => HashKey::Cookie(cookie.to_owned()),
        _ => {
            let why = format!("`{text}` is not `client`, `path`, `header:NAME` or `cookie:NAME`");
            return Err(Error::config("balance.hash", why));
        }
    })
}
