//! The store: what must survive a reload.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::abi::plugin::context::ContextHandle;
use crate::abi::plugin::store::StoreHandle;
use crate::abi::slice::RawSlice;
use crate::abi::store::{RawStoreReply, RawStoreRequest, failure, operation};

/// A namespace of the host's store. Cheap to clone.
///
/// It belongs to the host, so it survives reloads of the plugin and replacement of the worker process. What
/// survives a crash or the end of the host depends on the engine (`[store]` in the manifest).
///
/// Keys have 1 to [`MAX_KEY`](Self::MAX_KEY) bytes, values at most [`MAX_VALUE`](Self::MAX_VALUE). Times to
/// live are counted in milliseconds; `None` is for ever. An engine may drop the entries of least use when it
/// is full, unless it writes to a file. In the probe, which tries `init`, the store is empty and is thrown away.
///
/// Every operation fails with [`StoreErrorKind::Unavailable`] in bounded time if the engine can't be reached. An
/// operation whose future is dropped, or that fails so, may have taken effect.
///
/// ```
/// # use std::time::Duration;
/// # async fn visits(cx: &stackup_plugin::Context) -> stackup_plugin::Result<i64> {
/// let day = Duration::from_secs(24 * 60 * 60);
/// let visits = cx.store().add("visits", 1, day).await?;
/// # Ok(visits) }
/// ```
#[derive(Clone)]
pub struct Store(Arc<StoreHandle>);

/// A stored value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreEntry {
    /// The bytes, shared with the host: not copied.
    pub value: Bytes,
    /// For [`Store::compare_and_set`].
    pub version: EntryVersion,
}

/// The version of an entry. Each change of a key gives it one that it never had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryVersion(u64);

/// A page of a scan.
#[derive(Debug, Clone, Default)]
pub struct StorePage {
    /// Keys and entries, in the order of the keys.
    pub entries: Vec<(Bytes, StoreEntry)>,
    /// Whether entries follow the last one. For those, pass the last key as `after`.
    pub more: bool,
}

impl Store {
    /// The longest key, in bytes.
    pub const MAX_KEY: usize = 1024;
    /// The longest value, in bytes.
    pub const MAX_VALUE: usize = 1 << 20;
    /// The largest page of [`scan`](Self::scan).
    pub const MAX_PAGE: u32 = 1000;

    pub(crate) fn open(context: ContextHandle, namespace: Option<&str>) -> Self {
        Self(Arc::new(StoreHandle::open(context, namespace)))
    }

    /// The entry of `key`.
    ///
    /// # Errors
    ///
    /// The engine is unavailable, or the key is too long or empty.
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<StoreEntry>, StoreError> {
        let request = request(operation::GET, key.as_ref());
        match self.0.call(&request).await {
            RawStoreReply::Missing => Ok(None),
            RawStoreReply::Entry { value, version } => Ok(Some(StoreEntry {
                value: value.into(),
                version: EntryVersion(version),
            })),
            other => Err(StoreError::unexpected(other)),
        }
    }

    /// Stores `value`, for `ttl`. Replaces what is there.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); the value is too large.
    pub async fn set(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: impl Into<Option<Duration>>,
    ) -> Result<EntryVersion, StoreError> {
        let request = RawStoreRequest {
            value: RawSlice::new(value.as_ref()),
            ttl: milliseconds(ttl.into()),
            ..request(operation::SET, key.as_ref())
        };
        match self.0.call(&request).await {
            RawStoreReply::Stored(version) => Ok(EntryVersion(version)),
            other => Err(StoreError::unexpected(other)),
        }
    }

    /// Removes the entry of `key`. `false` if there is none.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool, StoreError> {
        let request = request(operation::DELETE, key.as_ref());
        match self.0.call(&request).await {
            RawStoreReply::Missing => Ok(false),
            RawStoreReply::Deleted => Ok(true),
            other => Err(StoreError::unexpected(other)),
        }
    }

    /// Adds to a counter and returns its new value. A counter that is missing begins at 0 and lives for `ttl`; that of
    /// an existing one does not change. [`get`](Self::get) sees the number in decimal digits.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); [`StoreErrorKind::NotANumber`] if the entry is no number, or leaves the range of `i64`.
    pub async fn add(
        &self,
        key: impl AsRef<[u8]>,
        delta: i64,
        ttl: impl Into<Option<Duration>>,
    ) -> Result<i64, StoreError> {
        let request = RawStoreRequest {
            delta,
            ttl: milliseconds(ttl.into()),
            ..request(operation::ADD, key.as_ref())
        };
        match self.0.call(&request).await {
            RawStoreReply::Number(number) => Ok(number),
            other => Err(StoreError::unexpected(other)),
        }
    }

    /// Stores `value` if the entry still has the version `expected`, or still is missing (`None`). The result is the new
    /// version, or `None` if something else was stored or removed since.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub async fn compare_and_set(
        &self,
        key: impl AsRef<[u8]>,
        expected: Option<EntryVersion>,
        value: impl AsRef<[u8]>,
        ttl: impl Into<Option<Duration>>,
    ) -> Result<Option<EntryVersion>, StoreError> {
        let request = RawStoreRequest {
            version: expected.map_or(0, |version| version.0),
            value: RawSlice::new(value.as_ref()),
            ttl: milliseconds(ttl.into()),
            ..request(operation::COMPARE_AND_SET, key.as_ref())
        };
        match self.0.call(&request).await {
            RawStoreReply::Stored(version) => Ok(Some(EntryVersion(version))),
            RawStoreReply::Conflict => Ok(None),
            other => Err(StoreError::unexpected(other)),
        }
    }

    /// A page of the entries whose keys begin with `prefix`, in the order of the keys: those after the key `after`, at most
    /// `limit` (1 to [`MAX_PAGE`](Self::MAX_PAGE)). A page costs time in proportion to the whole namespace with some
    /// engines: it is for tools and cleaning up, not for each request.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn scan(
        &self,
        prefix: impl AsRef<[u8]>,
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<StorePage, StoreError> {
        let request = RawStoreRequest {
            limit: limit.clamp(1, Self::MAX_PAGE),
            value: RawSlice::maybe(after),
            ..request(operation::SCAN, prefix.as_ref())
        };
        match self.0.call(&request).await {
            RawStoreReply::Page { entries, more } => Ok(StorePage {
                entries: entries
                    .into_iter()
                    .map(|raw| {
                        let (value, version) = (raw.value.into(), EntryVersion(raw.version));
                        (raw.key.into_vec().into(), StoreEntry { value, version })
                    })
                    .collect(),
                more,
            }),
            other => Err(StoreError::unexpected(other)),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

fn request(operation: u32, key: &[u8]) -> RawStoreRequest<'_> {
    RawStoreRequest {
        operation,
        limit: 0,
        key: RawSlice::new(key),
        value: RawSlice::ABSENT,
        delta: 0,
        version: 0,
        ttl: 0,
    }
}

/// `None` is 0, so the shortest time is a millisecond.
fn milliseconds(ttl: Option<Duration>) -> u64 {
    ttl.map_or(0, |ttl| {
        u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
    })
}

/// Why an operation of the [`Store`] failed. As an [`Error`](crate::Error) of a request it has status 503 if the store is
/// unavailable, and 500 otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
}

/// The kinds of [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The engine can't be reached, or has no room.
    Unavailable,
    /// The key or the value exceeds its limit.
    TooLarge,
    /// The entry is not a number, or the sum leaves the range of `i64`.
    NotANumber,
    /// The key is empty, or the namespace's name is not allowed.
    Invalid,
    /// The host is older than the plugin, and does not know the operation.
    Unsupported,
}

impl StoreError {
    /// What kind of failure it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self.kind {
            StoreErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn unexpected(reply: RawStoreReply) -> Self {
        let RawStoreReply::Failed { kind, message } = reply else {
            return Self {
                kind: StoreErrorKind::Unsupported,
                message: "the host answered another question".to_owned(),
            };
        };
        Self {
            kind: match kind {
                failure::UNAVAILABLE => StoreErrorKind::Unavailable,
                failure::TOO_LARGE => StoreErrorKind::TooLarge,
                failure::NOT_A_NUMBER => StoreErrorKind::NotANumber,
                failure::INVALID => StoreErrorKind::Invalid,
                _ => StoreErrorKind::Unsupported,
            },
            message: message.into_string(),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store: {}", self.message)
    }
}

impl std::error::Error for StoreError {}
