//! One position in a stack, and the future of a request sent down from it.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::StatusCode;

use super::context::HandlerContext;
use super::detached::HolderSlot;
use super::failure::Failure;
use super::handler::Handler;
use super::measured::MeasuredNode;
use super::request::HostRequest;
use super::response::HostResponse;
use super::threads::record_poll;
use crate::abi::future::{PollState, RawFuture, RawPoll};
use crate::abi::plugin::future;
use crate::abi::tables::{RawNext, RequestObject};
use crate::abi::waker;

/// A position in a stack. Each node owns the nodes below it.
pub enum Node {
    /// A handler. An app has no `next`.
    Layer {
        handler: Arc<Handler>,
        next: Option<Box<Below>>,
        on_failure: OnFailure,
    },
    /// A choice between branches.
    Router(Box<dyn Router>),
    /// An app of the host's own.
    HostApp(Box<dyn HostApp>),
    /// A node whose calls are measured.
    Measured(Box<MeasuredNode>),
}

/// What `next` points at.
pub struct Below {
    /// The node that gets the requests.
    pub node: Node,
    /// Where the holder of its stack is found when a call is detached; any other call leaves it alone.
    pub holder: HolderSlot,
}

/// Where a request goes when its handler is out of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// 503. Whatever the layer protects stays protected.
    #[default]
    FailClosed,
    /// To the layer below. For an app there is none: its requests get 503.
    Bypass,
}

/// The output of a call.
pub type Outcome = Result<HostResponse, Failure>;

/// An app of the host's own, in place of a plugin's.
pub trait HostApp: Send + Sync {
    /// Answers `request`.
    fn call(&self, request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;
}

/// Chooses the node for a request.
pub trait Router: Send + Sync {
    /// Returns the node, after setting `SCRIPT_NAME` and `PATH_INFO` for it.
    fn route(&self, request: &mut HostRequest) -> &Node;
}

impl Node {
    /// Sends a request down from here.
    pub fn call(&self, request: HostRequest) -> Call<'_> {
        let generation = request.generation();
        Call {
            future: Some(self.start(request)),
            generation,
            waiting_handler: None,
            node: PhantomData,
        }
    }

    /// Sends a request down from here within another call, which polls it and records that poll.
    pub fn call_nested(&self, request: HostRequest) -> NestedCall<'_> {
        NestedCall {
            future: Some(self.start(request)),
            node: PhantomData,
        }
    }

    pub(super) fn start(&self, mut request: HostRequest) -> RawFuture {
        let mut node = self;
        loop {
            match node {
                Self::Layer {
                    handler,
                    next,
                    on_failure,
                } => {
                    if !handler.allows_request() {
                        match (on_failure, next) {
                            (OnFailure::Bypass, Some(below)) => node = &below.node,
                            _ => return erase(out_of_service(handler)),
                        }
                        continue;
                    }
                    let below = next.as_deref().map_or(std::ptr::null(), std::ptr::from_ref);
                    return handler.start(request, RawNext { node: below.cast() });
                }
                Self::Router(route) => node = route.route(&mut request),
                Self::HostApp(app) => return erase(app.call(request)),
                Self::Measured(measured) => return measured.start(request),
            }
        }
    }
}

#[cold]
fn out_of_service(handler: &Handler) -> impl Future<Output = Outcome> + use<> {
    let failure = Failure::out_of_service(&handler.context().handler);
    std::future::ready(Err(failure))
}

pub(super) fn erase(future: impl Future<Output = Outcome> + Send + 'static) -> RawFuture {
    future::future(async move {
        match future.await {
            Ok(response) => Ok(response.into_object().cast()),
            Err(failure) => Err(failure.into_object()),
        }
    })
}

pub(super) unsafe extern "C" fn next_run(next: RawNext, request: *mut RequestObject) -> RawFuture {
    // SAFETY: the plugin gives up the request that it owned.
    let request = unsafe { HostRequest::from_object(request) };
    // SAFETY: null, or what a node of the stack owns: a `Next` borrows from the call it was made
    // for, which borrows from the stack.
    let below = unsafe { next.node.cast::<Below>().as_ref() };
    match below {
        Some(below) => below.node.start(request),
        // The library's metadata names another kind of handler than it exports.
        None => erase(std::future::ready(Err(Failure::body(
            StatusCode::INTERNAL_SERVER_ERROR,
            "this middleware is at the end of the stack, where an app belongs: it has no `next`",
        )))),
    }
}

/// A request on its way through the stack below a node.
pub struct Call<'a> {
    future: Option<RawFuture>,
    generation: u64,
    waiting_handler: Option<&'static HandlerContext>,
    node: PhantomData<&'a Node>,
}

impl Call<'_> {
    /// The innermost handler that returned `Pending` in the last poll; none before the first poll, and
    /// none if the host itself waits.
    pub fn waiting_handler(&self) -> Option<&'static HandlerContext> {
        self.waiting_handler
    }

    /// Its polls count as this generation's from now on.
    pub fn continues_in(&mut self, generation: u64) {
        self.generation = generation;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        // Cancelled: this runs the drops of the handlers.
        if let Some(future) = self.future.take() {
            record_poll(self.generation, || drop(future));
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
        let (polled, waiting_handler) = record_poll(generation, || {
            // SAFETY: polled until ready only; the waker is lent for the call.
            waker::lend(cx.waker(), |waker| unsafe { future.poll(waker) })
        });
        // SAFETY: from this poll, and not read before.
        let outcome = unsafe { outcome(polled) };
        match outcome {
            Poll::Pending => self.waiting_handler = waiting_handler,
            Poll::Ready(_) => self.future = None,
        }
        outcome
    }
}

/// A request on its way through a part of the stack, within another [`Call`].
pub struct NestedCall<'a> {
    future: Option<RawFuture>,
    node: PhantomData<&'a Node>,
}

impl Future for NestedCall<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        // SAFETY: polled until ready only; the waker is lent for the call.
        let polled = waker::lend(cx.waker(), |waker| unsafe { future.poll(waker) });
        // SAFETY: from this poll, and not read before.
        let outcome = unsafe { outcome(polled) };
        if outcome.is_ready() {
            self.future = None;
        }
        outcome
    }
}

/// # Safety
///
/// `polled` came from a call's future and is not read twice.
unsafe fn outcome(polled: RawPoll) -> Poll<Outcome> {
    Poll::Ready(match polled.state {
        PollState::Pending => return Poll::Pending,
        // SAFETY: a call's output is a response that we now own.
        PollState::Ready => Ok(unsafe { HostResponse::from_object(polled.value.cast()) }),
        // SAFETY: likewise for an error.
        PollState::Failed => Err(unsafe { Failure::from_object(polled.value.cast()) }),
    })
}
