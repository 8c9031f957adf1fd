//! A node whose calls are measured.

use std::cell::Cell;
use std::sync::Arc;

use super::failure::Failure;
use super::node::Node;
use super::request::HostRequest;
use super::response::HostResponse;
use crate::abi::future::{FutureTable, PollState, RawFuture, RawPoll};
use crate::abi::waker::RawWaker;

/// Measures the calls of one node.
pub trait CallMeter: Send + Sync {
    /// A call begins.
    fn begin(&self, request: &mut HostRequest) -> CallStart;

    /// A call has ended. `below` is the time that measured calls took which it has made itself, in the unit of
    /// [`CallStart::time`]. Returns the time that the call took, in the same unit.
    fn end(&self, start: CallStart, below: u64, end: CallEnd<'_>) -> u64;
}

/// What a meter knows of a call from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallStart {
    /// When it began, by the meter's clock.
    pub time: u64,
    /// Whether its response has no body, since its method is HEAD.
    pub is_head: bool,
}

/// How a call ended.
pub enum CallEnd<'a> {
    Response(&'a mut HostResponse),
    Failure(&'a Failure),
    /// It was dropped before that: its client has gone, or a limit has passed.
    Canceled,
}

/// A node, and what measures its calls.
pub struct MeasuredNode {
    pub node: Node,
    pub meter: Arc<dyn CallMeter>,
}

thread_local! {
    /// The time of the measured calls that have ended within the running poll of a measured call, or within its drop.
    static BELOW: Cell<u64> = const { Cell::new(0) };
}

impl MeasuredNode {
    /// Sends a request down from here.
    pub(super) fn start(&self, mut request: HostRequest) -> RawFuture {
        let start = self.meter.begin(&mut request);
        let call = MeasuredCall {
            call: Some(self.node.start(request)),
            node: self,
            start,
            below: 0,
        };
        let data = Box::into_raw(Box::new(call));
        // SAFETY: the table is for this very type, whose parts are Send.
        unsafe { RawFuture::new(data.cast(), &TABLE) }
    }
}

/// A call of a measured node. The one that polls it is at most one measured call above: polls nest as calls do.
struct MeasuredCall {
    /// None once it has ended.
    call: Option<RawFuture>,
    /// A part of the stack, as the handlers that `call` points to: the caller keeps it.
    node: *const MeasuredNode,
    start: CallStart,
    /// The time of measured calls below.
    below: u64,
}

static TABLE: FutureTable = FutureTable {
    poll,
    drop: drop_call,
};

impl MeasuredCall {
    fn end(&self, end: CallEnd<'_>) -> u64 {
        // SAFETY: the stack outlives the calls in it.
        let meter = unsafe { &(*self.node).meter };
        meter.end(self.start, self.below, end)
    }
}

unsafe extern "C" fn poll(data: *mut (), waker: *const RawWaker) -> RawPoll {
    // SAFETY: the data of `start`, polled by one at a time.
    let this = unsafe { &mut *data.cast::<MeasuredCall>() };
    let Some(call) = &mut this.call else {
        return RawPoll::PENDING;
    };
    let beside = BELOW.replace(0);
    // SAFETY: not ready before; the waker is lent for this call.
    let mut polled = unsafe { call.poll(waker) };
    this.below = this.below.wrapping_add(BELOW.replace(beside));
    let took = match polled.state {
        PollState::Pending => return polled,
        PollState::Ready => {
            // SAFETY: a call's output is a response, which is ours until we pass it on.
            let mut response = unsafe { HostResponse::from_object(polled.value.cast()) };
            let took = this.end(CallEnd::Response(&mut response));
            polled.value = response.into_object().cast();
            took
        }
        PollState::Failed => {
            // SAFETY: likewise for an error, which we only borrow.
            let failure = unsafe { &*polled.value.cast::<Failure>() };
            this.end(CallEnd::Failure(failure))
        }
    };
    this.call = None;
    BELOW.set(beside.wrapping_add(took));
    polled
}

unsafe extern "C" fn drop_call(data: *mut ()) {
    // SAFETY: the data of `start`, given up by the other side.
    let mut this = unsafe { Box::from_raw(data.cast::<MeasuredCall>()) };
    let Some(call) = this.call.take() else {
        return;
    };
    // Whoever polls on has waited for it: a layer that gave up on it, say. If nobody does, the sum is of no use, and does no harm: each poll
    // begins its own.
    let beside = BELOW.replace(0);
    drop(call);
    this.below = this.below.wrapping_add(BELOW.get());
    let took = this.end(CallEnd::Canceled);
    BELOW.set(beside.wrapping_add(took));
}

#[cfg(test)]
#[path = "measured_tests.rs"]
mod tests;
