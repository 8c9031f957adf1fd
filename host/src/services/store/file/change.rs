//! Requests on their way to another thread.

use std::time::Duration;

use stackup_plugin::abi::host::StoreRequest;

use super::record::NEVER;

/// What a change costs besides its key and value: its place in the queue, the caller's task.
const OVERHEAD: usize = 512;

/// A change of one entry.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// The namespace, a NUL and the key.
    pub(super) key: Vec<u8>,
    pub(super) kind: ChangeKind,
}

#[derive(Debug, Clone)]
pub(super) enum ChangeKind {
    Set {
        value: Vec<u8>,
        ttl: Option<Duration>,
    },
    Delete,
    Add {
        delta: i64,
        ttl: Option<Duration>,
    },
    CompareAndSet {
        expected: Option<u64>,
        value: Vec<u8>,
        ttl: Option<Duration>,
    },
}

/// A request that only reads.
#[derive(Debug, Clone)]
pub(super) enum ReadRequest {
    Get {
        key: Vec<u8>,
    },
    Scan {
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        limit: usize,
    },
}

impl Change {
    /// The change that a request asks for, or what it reads.
    pub(super) fn of(namespace: &str, request: StoreRequest<'_>) -> Result<Self, ReadRequest> {
        let (key, kind) = match request {
            StoreRequest::Get { key } => return Err(ReadRequest::Get { key: key.to_vec() }),
            StoreRequest::Scan {
                prefix,
                after,
                limit,
            } => {
                return Err(ReadRequest::Scan {
                    prefix: prefix.to_vec(),
                    after: after.map(<[u8]>::to_vec),
                    limit,
                });
            }
            StoreRequest::Set { key, value, ttl } => {
                let value = value.to_vec();
                (key, ChangeKind::Set { value, ttl })
            }
            StoreRequest::Delete { key } => (key, ChangeKind::Delete),
            StoreRequest::Add { key, delta, ttl } => (key, ChangeKind::Add { delta, ttl }),
            StoreRequest::CompareAndSet {
                key,
                expected,
                value,
                ttl,
            } => {
                let value = value.to_vec();
                let kind = ChangeKind::CompareAndSet {
                    expected,
                    value,
                    ttl,
                };
                (key, kind)
            }
        };
        let key = full_key(namespace, key);
        Ok(Self { key, kind })
    }

    /// The bytes that it holds while it waits, more or less.
    pub(super) fn size(&self) -> usize {
        let value = match &self.kind {
            ChangeKind::Set { value, .. } | ChangeKind::CompareAndSet { value, .. } => value.len(),
            ChangeKind::Delete | ChangeKind::Add { .. } => 0,
        };
        OVERHEAD + self.key.len() + value
    }
}

/// The key in the file: the namespace, a NUL and the plugin's key. No namespace has a NUL.
pub(super) fn full_key(namespace: &str, key: &[u8]) -> Vec<u8> {
    [namespace.as_bytes(), b"\0", key].concat()
}

/// When an entry ends that is stored at `now`. A time beyond the clock's range is no end.
pub(super) fn end(now: u64, ttl: Option<Duration>) -> u64 {
    let milliseconds = ttl.and_then(|ttl| u64::try_from(ttl.as_millis()).ok());
    milliseconds
        .and_then(|ttl| now.checked_add(ttl.max(1)))
        .unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_lives_for_a_millisecond_at_least() {
        assert_eq!(end(5, Some(Duration::ZERO)), 6);
        assert_eq!(end(5, Some(Duration::from_micros(10))), 6);
        assert_eq!(end(5, Some(Duration::from_millis(2))), 7);
        assert_eq!(end(5, None), NEVER);
        assert_eq!(end(5, Some(Duration::from_millis(u64::MAX))), NEVER);
    }
}
