//! A middleware's handle to the rest of the stack.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::response::ResponseHandle;
use super::{errors, host};
use crate::abi::future::{PollState, RawFuture};
use crate::abi::tables::RawNext;
use crate::abi::waker;
use crate::{Error, Request, Response};

/// The rest of the stack below a middleware. Run it once, or answer without it. To run it more than once,
/// use [`again`](Self::again).
#[must_use = "without `next.run(req)` nothing below this middleware sees the request"]
pub struct Next<'a> {
    raw: RawNext,
    // The stack lives as long as the call, so a `Next` can't move into a task that outlives it.
    call: PhantomData<&'a ()>,
}

// SAFETY: a shared pointer to an immutable stack that is Sync.
unsafe impl Send for Next<'_> {}
// SAFETY: as above.
unsafe impl Sync for Next<'_> {}

impl<'a> Next<'a> {
    /// # Safety
    ///
    /// `raw` is a node that lives for `'a`.
    pub(super) unsafe fn new(raw: RawNext) -> Self {
        Self {
            raw,
            call: PhantomData,
        }
    }

    /// A second handle, to run the layers below more than once. Each run needs its own request
    /// ([`Request::fork`]) and repeats all side effects.
    pub fn again(&self) -> Self {
        Self {
            raw: self.raw,
            call: PhantomData,
        }
    }

    /// Sends the request down. The future resolves to the response of the layers below.
    ///
    /// # Errors
    ///
    /// The future yields the error or panic of a layer below.
    pub fn run(self, request: Request) -> Running<'a> {
        // SAFETY: the node lives for the call; the request is handed over.
        let future = unsafe { host().next_run()(self.raw, request.into_object()) };
        Running {
            future: Some(future),
            call: PhantomData,
        }
    }

    /// As [`run`](Self::run), with a future that may move into a task ([`Context::spawn`](crate::Context::spawn)) and outlive the
    /// request. It keeps the generation in service, so it counts when that drains, and fails at the drain deadline.
    ///
    /// The layers below see the same request, whose `on_finished` hooks run when the client has its response, or has left.
    ///
    /// # Errors
    ///
    /// `next` and the request, where nothing can outlive the request: in a warm-up.
    pub fn detach(self, request: Request) -> Result<Detached, (Self, Request)> {
        let newer = host().more().and_then(|more| more.next_can_detach());
        let can_detach = match newer {
            // SAFETY: an attached host's function; the node lives for this call.
            Some(can_detach) => unsafe { can_detach(self.raw) },
            // SAFETY: an attached host's function.
            None => unsafe { host().can_detach()() },
        };
        if !can_detach {
            return Err((self, request));
        }
        // SAFETY: the node lives for this call, and the host keeps it alive for the future; the request is handed over.
        let future = unsafe { host().next_detach()(self.raw, request.into_object()) };
        Ok(Detached(Running {
            future: Some(future),
            call: PhantomData,
        }))
    }
}

/// The future of [`Next::detach`]. Dropping it cancels the layers below.
#[must_use = "a future does nothing unless awaited"]
pub struct Detached(Running<'static>);

impl Future for Detached {
    type Output = Result<Response, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// The future of a request in the layers below. Dropping it cancels them.
#[must_use = "a future does nothing unless awaited"]
pub struct Running<'a> {
    future: Option<RawFuture>,
    call: PhantomData<&'a ()>,
}

impl Future for Running<'_> {
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        // SAFETY: polled until ready only; the waker is lent for the call.
        let polled = waker::lend(cx.waker(), |waker| unsafe { future.poll(waker) });
        let output = match polled.state {
            PollState::Pending => return Poll::Pending,
            // SAFETY: a call's output is a response that we own from here on.
            PollState::Ready => Ok(unsafe {
                Response::from_handle(ResponseHandle::from_object(polled.value.cast()))
            }),
            // SAFETY: an error likewise.
            PollState::Failed => Err(unsafe { errors::from_object(polled.value.cast()) }),
        };
        self.future = None;
        Poll::Ready(output)
    }
}
