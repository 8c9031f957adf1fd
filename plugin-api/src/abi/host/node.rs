//! One place in a stack, and the future of a request that goes down from it.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::StatusCode;

use super::context::HandlerContext;
use super::failure::Failure;
use super::handler::Handler;
use super::request::HostRequest;
use super::response::HostResponse;
use super::threads::polling;
use crate::abi::future::{PollState, RawFuture, RawPoll};
use crate::abi::plugin::future;
use crate::abi::tables::{RawNext, RequestObject};
use crate::abi::waker;

/// A place in a stack; each owns what lies below it.
pub enum Node {
    /// A handler; an app has nothing below.
    Layer {
        handler: Arc<Handler>,
        next: Option<Box<Self>>,
        on_failure: OnFailure,
    },
    /// A choice between branches.
    Route(Box<dyn Route>),
    /// An answer of the host's own.
    Answer(Box<dyn Answer>),
}

/// What a request gets in place of a handler that is out of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// 503. What a layer protects stays protected.
    #[default]
    FailClosed,
    /// What is below it. An app has nothing below: its requests get 503.
    Bypass,
}

/// The output of a call.
pub type Outcome = Result<HostResponse, Failure>;

/// Answers in place of a plugin's app.
pub trait Answer: Send + Sync {
    /// The response to `request`.
    fn answer(&self, request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;
}

/// Chooses a branch for a request.
pub trait Route: Send + Sync {
    /// The branch, with `SCRIPT_NAME` and `PATH_INFO` moved as it wants them.
    fn route(&self, request: &mut HostRequest) -> &Node;
}

impl Node {
    /// Sends a request down from here.
    pub fn call(&self, request: HostRequest) -> Call<'_> {
        let generation = request.generation();
        Call {
            future: Some(self.start(request)),
            generation,
            waits_in: None,
            node: PhantomData,
        }
    }

    /// Sends a request down from here, from within a call: whoever polls that polls this with it.
    pub fn branch(&self, request: HostRequest) -> Branch<'_> {
        Branch {
            future: Some(self.start(request)),
            node: PhantomData,
        }
    }

    fn start(&self, mut request: HostRequest) -> RawFuture {
        let mut node = self;
        loop {
            match node {
                Self::Layer {
                    handler,
                    next,
                    on_failure,
                } => {
                    if !handler.may_try() {
                        match (on_failure, next) {
                            (OnFailure::Bypass, Some(next)) => node = next,
                            _ => return erase(out_of_service(handler)),
                        }
                        continue;
                    }
                    let next = next.as_deref().map_or(std::ptr::null(), std::ptr::from_ref);
                    return handler.start(request, RawNext { node: next.cast() });
                }
                Self::Route(route) => node = route.route(&mut request),
                Self::Answer(answer) => return erase(answer.answer(request)),
            }
        }
    }
}

#[cold]
fn out_of_service(handler: &Handler) -> impl Future<Output = Outcome> + use<> {
    let failure = Failure::out_of_service(&handler.context().handler);
    std::future::ready(Err(failure))
}

fn erase(future: impl Future<Output = Outcome> + Send + 'static) -> RawFuture {
    future::future(async move {
        match future.await {
            Ok(response) => Ok(response.into_object().cast()),
            Err(failure) => Err(failure.into_object()),
        }
    })
}

pub(super) unsafe extern "C" fn next_run(next: RawNext, request: *mut RequestObject) -> RawFuture {
    // SAFETY: the plugin owned the request and gives it up.
    let request = unsafe { HostRequest::from_object(request) };
    // SAFETY: null, or a node of the stack that owns it: a `Next` borrows from the call it was made
    // for, which borrows from the stack.
    let node = unsafe { next.node.cast::<Node>().as_ref() };
    match node {
        Some(node) => node.start(request),
        // A library whose description does not say what it exports.
        None => erase(std::future::ready(Err(Failure::body(
            StatusCode::INTERNAL_SERVER_ERROR,
            "a middleware stands where an app should: there is nothing below it",
        )))),
    }
}

/// A request on its way through the stack below a node.
pub struct Call<'a> {
    future: Option<RawFuture>,
    generation: u64,
    waits_in: Option<&'static HandlerContext>,
    node: PhantomData<&'a Node>,
}

impl Call<'_> {
    /// The innermost handler that had to wait when this was polled last; none if it was not, or if
    /// the host itself waits.
    pub fn waits_in(&self) -> Option<&'static HandlerContext> {
        self.waits_in
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        // Cancelled: the handlers' own drops run here.
        if let Some(future) = self.future.take() {
            polling(self.generation, || drop(future));
        }
    }
}

impl Future for Call<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let generation = self.generation;
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        let (polled, waits_in) = polling(generation, || {
            // SAFETY: polled until ready only; the waker is lent for the call.
            waker::lend(cx.waker(), |waker| unsafe { future.poll(waker) })
        });
        // SAFETY: polled just now, and not looked at before.
        let outcome = unsafe { outcome(polled) };
        match outcome {
            Poll::Pending => self.waits_in = waits_in,
            Poll::Ready(_) => self.future = None,
        }
        outcome
    }
}

/// A request on its way through a part of the stack that a node chose while it was asked.
pub struct Branch<'a> {
    future: Option<RawFuture>,
    node: PhantomData<&'a Node>,
}

impl Future for Branch<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        // SAFETY: polled until ready only; the waker is lent for the call.
        let polled = waker::lend(cx.waker(), |waker| unsafe { future.poll(waker) });
        // SAFETY: polled just now, and not looked at before.
        let outcome = unsafe { outcome(polled) };
        if outcome.is_ready() {
            self.future = None;
        }
        outcome
    }
}

/// # Safety
///
/// `polled` is what a call's future yielded, and is looked at once.
unsafe fn outcome(polled: RawPoll) -> Poll<Outcome> {
    Poll::Ready(match polled.state {
        PollState::Pending => return Poll::Pending,
        // SAFETY: a call's output is a response that we own from here on.
        PollState::Ready => Ok(unsafe { HostResponse::from_object(polled.value.cast()) }),
        // SAFETY: an error likewise.
        PollState::Failed => Err(unsafe { Failure::from_object(polled.value.cast()) }),
    })
}
