//! What a request is for, and the keys of the store made of it.

use http_cache::Origin;
use sha2::{Digest, Sha256};
use stackup_plugin::path;

/// An absolute URI: `https://a.test/path?query`. The path is canonical (SPEC R8), the host in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    uri: String,
    /// Where the authority begins.
    authority: usize,
    /// Where the path begins.
    path: usize,
}

/// The longest key made of text; longer ones are hashed.
const LONGEST: usize = 900;

impl Target {
    /// The target of a request with a canonical path; `None` if that is none.
    pub fn new(scheme: &str, host: &str, path: &str, query: &str) -> Option<Self> {
        path.starts_with('/').then_some(())?;
        let length = scheme.len() + 3 + host.len() + path.len() + 1 + query.len();
        let mut uri = String::with_capacity(length);
        uri.push_str(scheme);
        uri.push_str("://");
        let authority = uri.len();
        uri.push_str(host);
        uri[authority..].make_ascii_lowercase();
        let target = Self {
            path: uri.len(),
            uri,
            authority,
        };
        Some(target.followed_by(path, query))
    }

    /// The target of an absolute URI: `https://a.test/path?query`; `None` if it is none.
    pub fn parse(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once("://")?;
        let rest = rest.split('#').next().unwrap_or_default();
        let path = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(path);
        (!scheme.is_empty() && !host.is_empty()).then_some(())?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let path = if path.is_empty() { "/" } else { path };
        let scheme = scheme.to_ascii_lowercase();
        Self::new(&scheme, host, &path::canonical(path).ok()?, query)
    }

    fn followed_by(mut self, path: &str, query: &str) -> Self {
        self.uri.push_str(path);
        if !query.is_empty() {
            self.uri.push('?');
            self.uri.push_str(query);
        }
        self
    }

    /// Another target of the same origin; `None` if its path has no canonical form.
    pub fn sibling(&self, path_and_query: &str) -> Option<Self> {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let mut target = self.clone();
        target.uri.truncate(self.path);
        Some(target.followed_by(&path::canonical(path).ok()?, query))
    }

    /// As text.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Its scheme and authority.
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            scheme: &self.uri[..self.authority - 3],
            authority: &self.uri[self.authority..self.path],
        }
    }

    /// The rest of it.
    pub fn path_and_query(&self) -> &str {
        &self.uri[self.path..]
    }

    fn without_query(&self) -> &str {
        let end = self.path_and_query().find('?');
        &self.uri[..end.map_or(self.uri.len(), |at| self.path + at)]
    }

    fn query(&self) -> &str {
        let target = self.path_and_query();
        target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The key of its entry, or of the index of its variants.
    pub fn key(&self) -> Vec<u8> {
        key(b'e', &[self.uri.as_bytes()])
    }

    /// The key of the `No-Vary-Search` rule of its path.
    pub(crate) fn search_rule_key(&self) -> Vec<u8> {
        key(b'n', &[self.without_query().as_bytes()])
    }

    /// The key of an entry for all queries that are equal by such a rule.
    pub(crate) fn search_key(&self, rule: &http_cache::NoVarySearch, text: &[u8]) -> Vec<u8> {
        let query = rule.normalize(self.query());
        let path = self.without_query().as_bytes();
        key(b'q', &[path, text, query.as_bytes()])
    }

    /// The key of the time when a group of its origin was invalidated.
    pub(crate) fn group_key(&self, group: &str) -> Vec<u8> {
        let origin = &self.uri.as_bytes()[..self.path];
        key(b'g', &[origin, group.as_bytes()])
    }
}

/// The key of a variant.
pub(crate) fn variant_key(epoch: &[u8], names: &str, values: &[u8]) -> Vec<u8> {
    key(b'v', &[epoch, names.as_bytes(), values])
}

/// The epoch in the key of a variant; `None` in other keys, and in those that are hashed.
pub(crate) fn variant_epoch(key: &[u8]) -> Option<[u8; 8]> {
    let (epoch, rest) = key.strip_prefix(b"v")?.split_first_chunk()?;
    (rest.first() == Some(&b'\n')).then_some(*epoch)
}

/// The key of a piece of a body.
pub(crate) fn piece_key(body: &[u8], index: u64) -> Vec<u8> {
    key(b'b', &[body, &index.to_be_bytes()])
}

/// A letter, and parts with a line feed between them; the hash of that where it is too long for a key.
pub(crate) fn key(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len() + 1).sum::<usize>();
    let mut key = Vec::with_capacity(length);
    key.push(kind);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            key.push(b'\n');
        }
        key.extend_from_slice(part);
    }
    if key.len() <= LONGEST {
        return key;
    }
    let mut hashed = vec![kind, b'#'];
    hashed.extend_from_slice(&Sha256::digest(&key));
    hashed
}

/// The key of the stored part of what `key` stands for.
pub(crate) fn part_key(key: &[u8]) -> Vec<u8> {
    [b"p", key].concat()
}
