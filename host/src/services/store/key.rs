//! Keys of the engines that keep all namespaces in one map: the namespace, a NUL, and the plugin's key as one text. No namespace has a NUL.

use std::collections::BTreeMap;

use super::command::NamespaceUse;

/// Adds up what namespaces take.
#[derive(Default)]
pub(super) struct Uses(BTreeMap<String, (u64, u64)>);

impl Uses {
    /// Counts an entry, whose key has its namespace and a NUL before it.
    pub(super) fn add(&mut self, key: &[u8], value: usize) {
        let end = key.iter().position(|byte| *byte == 0).unwrap_or_default();
        let (namespace, key) = key.split_at(end);
        let namespace = String::from_utf8_lossy(namespace);
        let bytes = (key.len().saturating_sub(1) + value) as u64;
        let (entries, sum) = match self.0.get_mut(&*namespace) {
            Some(found) => found,
            None => self.0.entry(namespace.into_owned()).or_default(),
        };
        *entries += 1;
        *sum += bytes;
    }

    pub(super) fn list(self) -> Vec<NamespaceUse> {
        let uses = self.0.into_iter();
        let uses = uses.map(|(namespace, (entries, bytes))| NamespaceUse {
            namespace,
            entries,
            bytes,
        });
        uses.collect()
    }
}

/// What a scan looks for.
pub(super) struct Scan {
    /// The namespace, a NUL, and the prefix.
    prefix: Vec<u8>,
    /// The last key of the page before, written as `prefix` is.
    after: Option<Vec<u8>>,
    /// The length of the namespace and its NUL.
    pub(super) namespace: usize,
    pub(super) limit: usize,
}

impl Scan {
    pub(super) fn new(namespace: &str, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Self {
        Self {
            prefix: with_key(namespace, prefix, <[u8]>::to_vec),
            after: after.map(|after| with_key(namespace, after, <[u8]>::to_vec)),
            namespace: namespace.len() + 1,
            limit,
        }
    }

    pub(super) fn covers(&self, key: &[u8]) -> bool {
        key.starts_with(&self.prefix) && self.after.as_deref().is_none_or(|after| key > after)
    }
}

/// Calls `f` with the namespace, a NUL and the key as one text, on the stack where it is short. No namespace has a NUL.
pub(super) fn with_key<R>(namespace: &str, key: &[u8], f: impl FnOnce(&[u8]) -> R) -> R {
    let (name, length) = (namespace.as_bytes(), namespace.len() + 1 + key.len());
    let mut short = [0; 128];
    match short.get_mut(..length) {
        Some(whole) => {
            let (head, tail) = whole.split_at_mut(name.len());
            head.copy_from_slice(name);
            if let Some(rest) = tail.get_mut(1..) {
                rest.copy_from_slice(key);
            }
            f(whole)
        }
        None => f(&[name, b"\0", key].concat()),
    }
}
