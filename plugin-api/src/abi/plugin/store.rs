//! A plugin's handle to a namespace of the store, and its calls.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::context::ContextHandle;
use super::host;
use crate::abi::slice::RawSlice;
use crate::abi::store::{
    RawStoreAnswer, RawStoreFuture, RawStorePoll, RawStoreReply, RawStoreRequest,
};
use crate::abi::tables::StoreObject;
use crate::abi::waker;

/// A namespace of the store.
pub(crate) struct StoreHandle(*mut StoreObject);

// SAFETY: the host's namespace is Send and Sync.
unsafe impl Send for StoreHandle {}
// SAFETY: as above.
unsafe impl Sync for StoreHandle {}

impl StoreHandle {
    /// Opens a namespace; `None` is the plugin's own.
    pub(crate) fn open(context: ContextHandle, namespace: Option<&str>) -> Self {
        let namespace = RawSlice::maybe(namespace.map(str::as_bytes));
        // SAFETY: a context of the host's; the name is lent for the call.
        Self(unsafe { host().store_open()(context.as_object(), namespace) })
    }

    /// Runs an operation. Waits only if the host does.
    #[inline]
    pub(crate) async fn call(&self, request: &RawStoreRequest<'_>) -> RawStoreReply {
        // SAFETY: the handle is alive; the request is lent for the call.
        match unsafe { host().store_call()(self.0, request) } {
            RawStoreAnswer::Ready(reply) => reply,
            RawStoreAnswer::Later(later) => Later(later).await,
        }
    }
}

impl Drop for StoreHandle {
    fn drop(&mut self) {
        // SAFETY: the handle is ours.
        unsafe { host().store_close()(self.0) }
    }
}

struct Later(RawStoreFuture);

impl Future for Later {
    type Output = RawStoreReply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RawStoreReply> {
        // SAFETY: `await` polls until ready only; the waker is lent for the call.
        match waker::lend(cx.waker(), |waker| unsafe { self.0.poll(waker) }) {
            RawStorePoll::Pending => Poll::Pending,
            RawStorePoll::Ready(reply) => Poll::Ready(reply),
        }
    }
}
