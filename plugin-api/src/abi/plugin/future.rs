//! Exports futures of this side as [`RawFuture`]s.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::errors::PanicSink;
use super::panics::contain;
use super::scope::HandlerScope;
use crate::abi::future::{FutureTable, PollState, RawFuture, RawPoll};
use crate::abi::tables::ErrorObject;
use crate::abi::waker::{self, RawWaker};

/// The output of a future that crosses: a pointer that the other side understands, or an error.
pub(crate) type RawOutput = Result<*mut (), *mut ErrorObject>;

struct Exported<F, S> {
    /// `None` once it has finished. Dropped in place, since it is pinned.
    future: Option<F>,
    scope: HandlerScope,
    sink: S,
}

impl<F, S> Exported<F, S>
where
    F: Future,
    S: PanicSink,
    RawPoll: FromOutput<F::Output>,
{
    const TABLE: FutureTable = FutureTable {
        poll: Self::poll,
        drop: Self::drop,
    };

    unsafe extern "C" fn poll(data: *mut (), raw_waker: *const RawWaker) -> RawPoll {
        // SAFETY: the other side polls with the data of `erase`, one poll at a time.
        let this = unsafe { &mut *data.cast::<Self>() };
        let place = &mut this.future;
        let entered = this.scope.enter();
        // SAFETY: the waker is lent for this call.
        let polled = contain(|| unsafe {
            waker::borrow(raw_waker, |waker| {
                let Some(future) = place else {
                    return Poll::Pending;
                };
                // Boxed in `erase` and not moved until it is dropped in place.
                let polled = Pin::new_unchecked(future).poll(&mut Context::from_waker(waker));
                if polled.is_ready() {
                    // Drop it now, not when the other side frees the box.
                    *place = None;
                }
                polled
            })
        });
        if let Ok(Poll::Pending) = polled {
            entered.mark_waiting();
        }
        drop(entered);
        match polled {
            Ok(Poll::Pending) => RawPoll::PENDING,
            Ok(Poll::Ready(output)) => RawPoll::from_output(output),
            Err(panic) => RawPoll {
                state: PollState::Failed,
                value: this.sink.panicked(panic).cast(),
            },
        }
    }

    unsafe extern "C" fn drop(data: *mut ()) {
        // SAFETY: the data of `erase`, given up by the other side.
        let mut this = unsafe { Box::from_raw(data.cast::<Self>()) };
        if this.future.is_some() {
            let entered = this.scope.enter();
            let place = &mut this.future;
            let dropped = contain(|| *place = None);
            drop(entered);
            if let Err(panic) = dropped {
                this.sink.dropped(panic);
            }
        }
    }
}

/// How an output crosses the boundary.
pub(crate) trait FromOutput<T> {
    /// The poll result that carries it.
    fn from_output(output: T) -> Self;
}

impl FromOutput<()> for RawPoll {
    fn from_output((): ()) -> Self {
        Self::DONE
    }
}

impl FromOutput<RawOutput> for RawPoll {
    #[inline]
    fn from_output(output: RawOutput) -> Self {
        match output {
            Ok(value) => Self {
                state: PollState::Ready,
                value,
            },
            Err(error) => Self {
                state: PollState::Failed,
                value: error.cast(),
            },
        }
    }
}

/// Erases a future. Its panics go to `sink`.
#[inline]
pub(crate) fn erase<F, S>(future: F, scope: HandlerScope, sink: S) -> RawFuture
where
    F: Future,
    S: PanicSink,
    RawPoll: FromOutput<F::Output>,
{
    let data = Box::into_raw(Box::new(Exported {
        future: Some(future),
        scope,
        sink,
    }));
    // SAFETY: the table is for this very type; callers erase `Send` futures only.
    unsafe { RawFuture::new(data.cast(), const { &Exported::<F, S>::TABLE }) }
}

/// Erases a future of the host.
#[cfg(feature = "host")]
pub(crate) fn future<F>(future: F) -> RawFuture
where
    F: Future<Output = RawOutput>,
{
    erase(future, HandlerScope::NONE, super::errors::HostSink)
}

/// Erases a future of the host without output.
#[cfg(feature = "host")]
pub(crate) fn unit(future: impl Future<Output = ()> + Send) -> RawFuture {
    erase(future, HandlerScope::NONE, super::errors::HostSink)
}
