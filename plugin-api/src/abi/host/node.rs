//! One place in a stack, and the future of a request that goes down from it.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::StatusCode;

use super::errors::Failure;
use super::handler::Handler;
use super::request::HostRequest;
use super::response::HostResponse;
use crate::abi::future::{PollState, RawFuture};
use crate::abi::plugin::export;
use crate::abi::tables::{RawNext, RequestObject};
use crate::abi::waker;

/// A place in a stack; each owns what lies below it.
pub enum Node {
    /// A handler; an app has nothing below.
    Layer {
        handler: Arc<Handler>,
        next: Option<Box<Self>>,
    },
    /// A choice between branches.
    Route(Box<dyn Route>),
    /// An answer of the host's own.
    Answer(Box<dyn Answer>),
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
        Call {
            future: Some(self.start(request)),
            node: PhantomData,
        }
    }

    fn start(&self, mut request: HostRequest) -> RawFuture {
        let mut node = self;
        loop {
            match node {
                Self::Layer { handler, next } => {
                    let next = next.as_deref().map_or(std::ptr::null(), std::ptr::from_ref);
                    return handler.start(request, RawNext { node: next.cast() });
                }
                Self::Route(route) => node = route.route(&mut request),
                Self::Answer(answer) => return erase(answer.answer(request)),
            }
        }
    }
}

fn erase(future: impl Future<Output = Outcome> + Send + 'static) -> RawFuture {
    export::future(async move {
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
    node: PhantomData<&'a Node>,
}

impl Future for Call<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        // SAFETY: polled until ready only; the waker is lent for the call.
        let polled = waker::lend(cx.waker(), |waker| unsafe { future.poll(waker) });
        let output = match polled.state {
            PollState::Pending => return Poll::Pending,
            // SAFETY: a call's output is a response that we own from here on.
            PollState::Ready => Ok(unsafe { HostResponse::from_object(polled.value.cast()) }),
            // SAFETY: an error likewise.
            PollState::Failed => Err(unsafe { Failure::from_object(polled.value.cast()) }),
        };
        self.future = None;
        Poll::Ready(output)
    }
}
