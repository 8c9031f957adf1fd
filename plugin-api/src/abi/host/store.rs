//! The store that the host lends plugins: what an engine provides, and how a plugin's call reaches it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::{context, services};
use crate::abi::slice::RawSlice;
use crate::abi::store::{
    RawStoreAnswer, RawStoreEntry, RawStoreFuture, RawStorePoll, RawStoreReply, RawStoreRequest,
    StoreFutureTable, failure, operation,
};
use crate::abi::tables::{ContextObject, StoreObject};
use crate::abi::waker::{self, RawWaker};

/// One namespace of the store.
pub trait StoreNamespace: Send + Sync {
    /// Runs one operation. An engine that need not wait answers at once.
    fn call(&self, request: StoreRequest<'_>) -> StoreAnswer;
}

/// An operation. Every change gives an entry a new version, which no entry of that key had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreRequest<'a> {
    /// Replies with [`StoreReply::Entry`] or [`StoreReply::Missing`].
    Get { key: &'a [u8] },
    /// Replies with [`StoreReply::Stored`].
    Set {
        key: &'a [u8],
        value: &'a [u8],
        ttl: Option<Duration>,
    },
    /// Replies with [`StoreReply::Deleted`] or [`StoreReply::Missing`].
    Delete { key: &'a [u8] },
    /// Adds to a counter, and creates it with `ttl` where there is none. The value is the number in decimal
    /// digits. Replies with [`StoreReply::Number`].
    Add {
        key: &'a [u8],
        delta: i64,
        ttl: Option<Duration>,
    },
    /// Stores the value if the entry has this version, or if there is none and `expected` is `None`. Replies
    /// with [`StoreReply::Stored`] or [`StoreReply::Conflict`].
    CompareAndSet {
        key: &'a [u8],
        expected: Option<u64>,
        value: &'a [u8],
        ttl: Option<Duration>,
    },
    /// The entries whose keys begin with `prefix` and follow `after`, in the order of their keys. Replies with
    /// [`StoreReply::Page`].
    Scan {
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    },
}

/// What an operation found or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreReply {
    /// There is no such entry.
    Missing,
    /// The entry.
    Entry { value: Bytes, version: u64 },
    /// The entry was stored, with this version; never 0.
    Stored(u64),
    /// The entry has another version, or none was expected.
    Conflict,
    /// The entry was removed.
    Deleted,
    /// A counter's new value.
    Number(i64),
    /// Entries: key, value, version.
    Page {
        entries: Vec<(Vec<u8>, Bytes, u64)>,
        /// Whether entries follow the last one.
        more: bool,
    },
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFailure {
    pub kind: StoreFailureKind,
    pub message: String,
}

/// The kinds of [`StoreFailure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFailureKind {
    /// The engine can't be reached, or has no room.
    Unavailable,
    /// The key or the value exceeds its limit.
    TooLarge,
    /// The entry is no counter, or the counter would overflow.
    NotANumber,
    /// The key or the namespace is not allowed.
    Invalid,
    /// The host does not know the operation.
    Unsupported,
}

/// The reply, at once or later.
pub enum StoreAnswer {
    Ready(Result<StoreReply, StoreFailure>),
    Later(Pin<Box<dyn Future<Output = Result<StoreReply, StoreFailure>> + Send>>),
}

type Opened = Arc<dyn StoreNamespace>;
type Later = Pin<Box<dyn Future<Output = Result<StoreReply, StoreFailure>> + Send>>;

pub(super) unsafe extern "C" fn open(
    context: *const ContextObject,
    namespace: RawSlice<'_>,
) -> *mut StoreObject {
    // SAFETY: the plugin's handle points to a context of this host.
    let plugin = &unsafe { context::of(context) }.plugin;
    let namespace = match namespace.bytes() {
        Some(_) => namespace.str(),
        None => plugin,
    };
    Box::into_raw(Box::new(services::store(namespace))).cast()
}

pub(super) unsafe extern "C" fn close(store: *mut StoreObject) {
    // SAFETY: the plugin gives up the handle that `open` made.
    drop(unsafe { Box::from_raw(store.cast::<Opened>()) });
}

pub(super) unsafe extern "C" fn call(
    store: *const StoreObject,
    request: &RawStoreRequest<'_>,
) -> RawStoreAnswer {
    // SAFETY: the plugin's handle is alive; `open` made it.
    let store = unsafe { &*store.cast::<Opened>() };
    let Some(request) = read(request) else {
        return RawStoreAnswer::Ready(RawStoreReply::Failed {
            kind: failure::UNSUPPORTED,
            message: "this host is older than the plugin: it does not know the operation".into(),
        });
    };
    match store.call(request) {
        StoreAnswer::Ready(reply) => RawStoreAnswer::Ready(write(reply)),
        StoreAnswer::Later(future) => {
            let data = Box::into_raw(Box::new(future)).cast();
            // SAFETY: the table is for this very type, which is Send.
            RawStoreAnswer::Later(unsafe { RawStoreFuture::new(data, &LATER) })
        }
    }
}

static LATER: StoreFutureTable = StoreFutureTable {
    poll: poll_later,
    drop: drop_later,
};

unsafe extern "C" fn poll_later(data: *mut (), raw_waker: *const RawWaker) -> RawStorePoll {
    // SAFETY: the data of `call`, one poll at a time.
    let later = unsafe { &mut *data.cast::<Later>() };
    // SAFETY: the waker is lent for this call.
    let polled = unsafe {
        waker::borrow(raw_waker, |waker| {
            later.as_mut().poll(&mut Context::from_waker(waker))
        })
    };
    match polled {
        Poll::Pending => RawStorePoll::Pending,
        Poll::Ready(reply) => RawStorePoll::Ready(write(reply)),
    }
}

unsafe extern "C" fn drop_later(data: *mut ()) {
    // SAFETY: the data of `call`, given up by the plugin.
    drop(unsafe { Box::from_raw(data.cast::<Later>()) });
}

fn read<'a>(raw: &RawStoreRequest<'a>) -> Option<StoreRequest<'a>> {
    let (key, value) = (raw.key.or_empty(), raw.value.or_empty());
    let ttl = (raw.ttl != 0).then(|| Duration::from_millis(raw.ttl));
    Some(match raw.operation {
        operation::GET => StoreRequest::Get { key },
        operation::SET => StoreRequest::Set { key, value, ttl },
        operation::DELETE => StoreRequest::Delete { key },
        operation::ADD => StoreRequest::Add {
            key,
            delta: raw.delta,
            ttl,
        },
        operation::COMPARE_AND_SET => StoreRequest::CompareAndSet {
            key,
            expected: (raw.version != 0).then_some(raw.version),
            value,
            ttl,
        },
        operation::SCAN => StoreRequest::Scan {
            prefix: key,
            after: raw.value.bytes(),
            limit: usize::try_from(raw.limit).unwrap_or(usize::MAX),
        },
        _ => return None,
    })
}

fn write(reply: Result<StoreReply, StoreFailure>) -> RawStoreReply {
    match reply {
        Ok(StoreReply::Missing) => RawStoreReply::Missing,
        Ok(StoreReply::Entry { value, version }) => RawStoreReply::Entry {
            value: value.into(),
            version,
        },
        Ok(StoreReply::Stored(version)) => RawStoreReply::Stored(version),
        Ok(StoreReply::Conflict) => RawStoreReply::Conflict,
        Ok(StoreReply::Deleted) => RawStoreReply::Deleted,
        Ok(StoreReply::Number(number)) => RawStoreReply::Number(number),
        Ok(StoreReply::Page { entries, more }) => RawStoreReply::Page {
            entries: entries
                .into_iter()
                .map(|(key, value, version)| RawStoreEntry {
                    key: key.into(),
                    value: value.into(),
                    version,
                })
                .collect(),
            more,
        },
        Err(StoreFailure { kind, message }) => RawStoreReply::Failed {
            kind: match kind {
                StoreFailureKind::Unavailable => failure::UNAVAILABLE,
                StoreFailureKind::TooLarge => failure::TOO_LARGE,
                StoreFailureKind::NotANumber => failure::NOT_A_NUMBER,
                StoreFailureKind::Invalid => failure::INVALID,
                StoreFailureKind::Unsupported => failure::UNSUPPORTED,
            },
            message: message.into(),
        },
    }
}
