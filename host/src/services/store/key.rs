//! Keys of the store in memory: the namespace, a NUL, and the plugin's key as one text. No namespace has a NUL.

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
