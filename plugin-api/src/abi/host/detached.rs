//! Calls that may outlive the request that began them.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;

use http::{Method, StatusCode, Uri};

use super::failure::Failure;
use super::node::{Node, Outcome, erase};
use super::request::HostRequest;
use crate::abi::future::RawFuture;
use crate::abi::tables::{RawNext, RequestObject};

/// A call that owns what it needs.
pub type DetachedCall = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What keeps a stack alive while requests are in it: a generation.
pub trait StackHolder {
    /// The same call of a request with this method and target, and the stack with it: until the call and the body of its
    /// response are dropped. It fails when the requests of the stack are aborted.
    fn hold(&self, method: Method, target: Uri, call: DetachedCall) -> DetachedCall;
}

thread_local! {
    static HOLDER: Cell<Option<NonNull<dyn StackHolder>>> = const { Cell::new(None) };
}

/// Runs `poll`, a poll of a call through the stack that `holder` keeps alive. Calls below it can be detached.
#[inline]
pub fn poll_held_by<R>(holder: &dyn StackHolder, poll: impl FnOnce() -> R) -> R {
    /// Puts back what was there.
    struct Restore(Option<NonNull<dyn StackHolder>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            HOLDER.set(self.0);
        }
    }
    // SAFETY: only the lifetime changes, and nobody reads it after `poll`.
    let holder = unsafe {
        std::mem::transmute::<NonNull<dyn StackHolder + '_>, NonNull<dyn StackHolder>>(
            NonNull::from(holder),
        )
    };
    let _restore = Restore(HOLDER.replace(Some(holder)));
    poll()
}

pub(super) unsafe extern "C" fn can_detach() -> bool {
    HOLDER.get().is_some()
}

pub(super) unsafe extern "C" fn next_detach(
    next: RawNext,
    request: *mut RequestObject,
) -> RawFuture {
    // SAFETY: the plugin gives up the request that it owned.
    let request = unsafe { HostRequest::from_object(request) };
    // SAFETY: null, or a node of the stack that is polled on this thread: a `Next` borrows from its call. The holder keeps the
    // stack alive for as long as the call.
    let node: Option<&'static Node> = unsafe { next.node.cast::<Node>().as_ref() };
    let (Some(node), Some(holder)) = (node, HOLDER.get()) else {
        let message = "internal error: this call can't be detached";
        let failure = Failure::body(StatusCode::INTERNAL_SERVER_ERROR, message);
        return erase(std::future::ready(Err(failure)));
    };
    // SAFETY: `poll_held_by` is on this thread's stack, and borrows the holder.
    let holder = unsafe { holder.as_ref() };
    let (method, target) = (request.method().clone(), request.uri().clone());
    let call = Box::pin(node.call_nested(request));
    erase(holder.hold(method, target, call))
}
