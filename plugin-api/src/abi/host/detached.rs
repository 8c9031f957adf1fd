//! Calls that may outlive the request that began them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

use http::{Method, StatusCode, Uri};

use super::exchange::Exchange;
use super::failure::Failure;
use super::node::{Below, Node, Outcome, erase};
use super::request::HostRequest;
use crate::abi::future::RawFuture;
use crate::abi::tables::{RawNext, RequestObject};

/// A call that owns what it needs.
pub type DetachedCall = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What keeps a stack alive while requests are in it: a generation.
pub trait StackHolder: Send + Sync {
    /// The same call, and the stack with it: until the call and the body of its response are dropped. It fails when the stack
    /// aborts this request.
    fn hold(self: Arc<Self>, request: DetachedRequest, call: DetachedCall) -> DetachedCall;
}

/// The request of a detached call.
pub struct DetachedRequest {
    /// Its method.
    pub method: Method,
    /// Its target.
    pub target: Uri,
    /// It knows the level of the stack that the request was sent to.
    pub exchange: Arc<Exchange>,
}

impl fmt::Debug for DetachedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

/// Where the nodes of one stack find its holder. Empty while the stack has none, as in a warm-up: then no call can be detached.
#[derive(Clone, Default)]
pub struct HolderSlot(Arc<OnceLock<Weak<dyn StackHolder>>>);

impl HolderSlot {
    /// Names the holder, once. It must own the stack whose nodes have this slot.
    pub fn set(&self, holder: Weak<dyn StackHolder>) {
        // A stack has one holder: it is built for a single generation.
        let _ = self.0.set(holder);
    }

    fn holder(&self) -> Option<Arc<dyn StackHolder>> {
        self.0.get()?.upgrade()
    }
}

impl fmt::Debug for HolderSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HolderSlot")
    }
}

/// What is below a middleware, and who keeps it alive; none below an app.
///
/// # Safety
///
/// `next` comes from a `Next` whose call has not ended: it borrows from that call, which borrows from the stack.
unsafe fn holder_of<'a>(next: RawNext) -> Option<(&'a Below, Arc<dyn StackHolder>)> {
    // SAFETY: null, or what a node of a living stack points at.
    let below = unsafe { next.node.cast::<Below>().as_ref() }?;
    Some((below, below.holder.holder()?))
}

/// For plugins that can't ask about a call: theirs do not outlive their request.
pub(super) unsafe extern "C" fn can_detach() -> bool {
    false
}

pub(super) unsafe extern "C" fn next_can_detach(next: RawNext) -> bool {
    // SAFETY: of a plugin's `Next`.
    unsafe { holder_of(next) }.is_some()
}

pub(super) unsafe extern "C" fn next_detach(
    next: RawNext,
    request: *mut RequestObject,
) -> RawFuture {
    // SAFETY: the plugin gives up the request that it owned.
    let request = unsafe { HostRequest::from_object(request) };
    // SAFETY: of a plugin's `Next`.
    let found: Option<(&'static Below, _)> = unsafe { holder_of(next) };
    let Some((below, holder)) = found else {
        let message = "internal error: this call can't be detached";
        let failure = Failure::body(StatusCode::INTERNAL_SERVER_ERROR, message);
        return erase(std::future::ready(Err(failure)));
    };
    let node: &'static Node = &below.node;
    let detached = DetachedRequest {
        method: request.method().clone(),
        target: request.uri().clone(),
        exchange: Arc::clone(request.shared_exchange()),
    };
    // The holder keeps the stack, and so the node, alive for as long as the call.
    let call = Box::pin(node.call_nested(request));
    erase(holder.hold(detached, call))
}
