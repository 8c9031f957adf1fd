//! A future that crosses the boundary: a data pointer and a table, in two registers.

use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::StableAbi;

use super::waker::{self, RawWaker};

/// The result of a poll.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawPoll {
    pub state: PollState,
    /// With [`PollState::Ready`] the output (null for `()`), with [`PollState::Failed`] an error.
    pub value: *mut (),
}

#[repr(usize)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub enum PollState {
    Pending,
    Ready,
    Failed,
}

impl RawPoll {
    pub const PENDING: Self = Self {
        state: PollState::Pending,
        value: std::ptr::null_mut(),
    };
    pub const DONE: Self = Self {
        state: PollState::Ready,
        value: std::ptr::null_mut(),
    };
}

#[repr(C)]
#[derive(StableAbi)]
pub struct FutureTable {
    pub poll: unsafe extern "C" fn(data: *mut (), waker: *const RawWaker) -> RawPoll,
    pub drop: unsafe extern "C" fn(data: *mut ()),
}

/// A future of the other side. Dropping it frees it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawFuture {
    data: *mut (),
    table: &'static FutureTable,
}

// SAFETY: both sides make these from `Send` futures only.
unsafe impl Send for RawFuture {}

impl RawFuture {
    /// Wraps `data`, which `table` can poll and drop.
    ///
    /// # Safety
    ///
    /// `table`'s functions accept `data`, which is `Send` and not used elsewhere.
    pub unsafe fn new(data: *mut (), table: &'static FutureTable) -> Self {
        Self { data, table }
    }

    /// Polls once.
    ///
    /// # Safety
    ///
    /// Not called again after it was ready; `waker` is lent for this call.
    #[inline]
    pub unsafe fn poll(&mut self, waker: *const RawWaker) -> RawPoll {
        // SAFETY: `new` bound data and table.
        unsafe { (self.table.poll)(self.data, waker) }
    }
}

impl Drop for RawFuture {
    fn drop(&mut self) {
        // SAFETY: `new` bound data and table, and this is the only drop.
        unsafe { (self.table.drop)(self.data) }
    }
}

/// A future of the other side without output.
#[must_use = "a future does nothing unless awaited"]
pub struct UnitFuture(Option<RawFuture>);

impl UnitFuture {
    pub(super) fn new(future: RawFuture) -> Self {
        Self(Some(future))
    }
}

impl Future for UnitFuture {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.0 else {
            return Poll::Ready(());
        };
        // SAFETY: polled until ready only; the waker is lent for the call.
        let polled = waker::lend(cx.waker(), |waker| unsafe { future.poll(waker) });
        if polled.state == PollState::Pending {
            return Poll::Pending;
        }
        // A failure was reported where it happened.
        self.0 = None;
        Poll::Ready(())
    }
}
