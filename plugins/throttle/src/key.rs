//! By what a rule tells clients apart.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest, Sha256};
use stackup_plugin::{Error, HeaderName, Request, Result};

use crate::condition::{client, cookies, header_name};

/// How long a readable part of a key may be. A longer one is replaced by its hash.
const LONGEST_PART: usize = 100;

/// A part of a rule's key.
#[derive(Debug)]
pub(crate) enum Part {
    Client,
    Path,
    Method,
    Header(HeaderName),
    Cookie(String),
    Env(String),
}

impl Part {
    /// `client`, `path`, `method`, `header:NAME`, `cookie:NAME` or `env:NAME`.
    pub(crate) fn parse(text: &str, key: &str) -> Result<Self> {
        let invalid = || {
            let message = format!(
                "{text:?} is unknown; possible are `client`, `path`, `method`, `header:NAME`, `cookie:NAME` and `env:NAME`"
            );
            Error::config(key, message)
        };
        Ok(match text.split_once(':') {
            None => match text {
                "client" => Self::Client,
                "path" => Self::Path,
                "method" => Self::Method,
                _ => return Err(invalid()),
            },
            Some((_, "")) => return Err(invalid()),
            Some(("header", name)) => Self::Header(header_name(name, key)?),
            Some(("cookie", name)) => Self::Cookie(name.to_owned()),
            Some(("env", name)) => Self::Env(name.to_owned()),
            Some(_) => return Err(invalid()),
        })
    }

    /// Appends this part of a request's key. `None` if the request has none.
    fn write(&self, req: &Request, ipv6_prefix: u8, key: &mut String) -> Option<()> {
        match self {
            Self::Client => {
                // Writing to a string can't fail.
                let _ = write!(key, "{}", network(client(req)?, ipv6_prefix));
            }
            Self::Path => readable(req.path(), key),
            Self::Method => readable(req.method().as_str(), key),
            Self::Header(name) => hashed(req.headers().get(name)?.as_bytes(), key),
            Self::Cookie(name) => hashed(cookies(req, name).next()?.as_bytes(), key),
            Self::Env(name) => hashed(req.env().get(name)?.as_bytes(), key),
        }
        Some(())
    }
}

/// The key of a request in the store: `prefix` and its parts. `None` if it lacks one of them.
pub(crate) fn key(prefix: &str, parts: &[Part], req: &Request, ipv6_prefix: u8) -> Option<String> {
    let mut key = String::with_capacity(64);
    key.push_str(prefix);
    for part in parts {
        key.push('|');
        part.write(req, ipv6_prefix, &mut key)?;
    }
    Some(key)
}

/// The address, or the network of an IPv6 client, who has all addresses in it.
fn network(client: IpAddr, ipv6_prefix: u8) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(ipv6_prefix));
            Ipv6Addr::from_bits(address.to_bits() & mask.unwrap_or(0)).into()
        }
    }
}

/// A path in canonical form has no `|`, so it ends where the next part begins.
fn readable(text: &str, key: &mut String) {
    match text.len() <= LONGEST_PART {
        true => key.push_str(text),
        false => hashed(text.as_bytes(), key),
    }
}

/// Half of the SHA-256: what clients send may be secret, and of any length.
fn hashed(bytes: &[u8], key: &mut String) {
    key.push('#');
    for byte in Sha256::digest(bytes).iter().take(16) {
        let _ = write!(key, "{byte:02x}");
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
