//! What a request is for, and the keys of the store made of it.

use http_cache::Origin;
use sha2::{Digest, Sha256};
use stackup_plugin::{Request, path};

/// An absolute URI: `https://a.test/path?query`. The path is canonical (SPEC R8), the host in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    uri: String,
    /// Where the authority begins.
    authority: usize,
    /// Where the path begins.
    path: usize,
}

/// The longest key made of text; longer ones are hashed.
const LONGEST: usize = 900;

impl Target {
    /// The target of a request; `None` if it has no path or no host.
    pub(crate) fn of(req: &Request) -> Option<Self> {
        let (host, path, query) = (req.header("host")?, req.path(), req.query());
        path.starts_with('/').then_some(())?;
        let mut target = Self::new(req.scheme(), host, path.len() + 1 + query.len());
        target.uri.push_str(path);
        if !query.is_empty() {
            target.uri.push('?');
            target.uri.push_str(query);
        }
        Some(target)
    }

    fn new(scheme: &str, host: &str, more: usize) -> Self {
        let mut uri = String::with_capacity(scheme.len() + 3 + host.len() + more);
        uri.push_str(scheme);
        uri.push_str("://");
        let authority = uri.len();
        uri.push_str(host);
        uri[authority..].make_ascii_lowercase();
        let path = uri.len();
        Self {
            uri,
            authority,
            path,
        }
    }

    /// Another target of the same origin; `None` if its path has no canonical form.
    pub(crate) fn sibling(&self, path_and_query: &str) -> Option<Self> {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let mut target = self.clone();
        target.uri.truncate(self.path);
        target.uri.push_str(&path::canonical(path).ok()?);
        if !query.is_empty() {
            target.uri.push('?');
            target.uri.push_str(query);
        }
        Some(target)
    }

    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin {
            scheme: &self.uri[..self.authority - 3],
            authority: &self.uri[self.authority..self.path],
        }
    }

    pub(crate) fn path_and_query(&self) -> &str {
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
    pub(crate) fn key(&self) -> Vec<u8> {
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

/// The key of a piece of a body.
pub(crate) fn piece_key(body: &[u8], index: u64) -> Vec<u8> {
    key(b'b', &[body, &index.to_be_bytes()])
}

/// A letter, and parts with a line feed between them; the hash of that where it is too long for a key.
fn key(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
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
