//! A call that was detached from its request: it holds its generation.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use stackup_plugin::abi::host::{
    DetachedCall, Failure, HostBody, Outcome, StackHolder, poll_held_by,
};

use super::generation::Generation;
use super::waiting::{Phase, RequestWait};

impl StackHolder for Generation {
    fn hold(&self, method: Method, target: Uri, call: DetachedCall) -> DetachedCall {
        match self.shared() {
            Some(generation) => Box::pin(Held {
                part: call,
                wait: RequestWait::named(method, target),
                over: None,
                generation,
            }),
            // Its last request is gone, so none of them is polled.
            None => Box::pin(std::future::ready(Err(aborted()))),
        }
    }
}

/// Part of a request that may outlive it. The fields are dropped in this order.
struct Held<T> {
    part: T,
    wait: RequestWait,
    /// Resolves at the drain deadline; created at the first wait.
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    generation: Arc<Generation>,
}

impl<T> Held<T> {
    /// It waits. Resolves when the generation's requests are aborted.
    fn poll_over(&mut self, phase: Phase, cx: &mut Context<'_>) -> Poll<()> {
        self.wait.is(self.generation.waiting(), phase, None);
        let deadline = self.generation.deadline();
        let over = self
            .over
            .get_or_insert_with(|| Box::pin(Arc::clone(deadline).passed()));
        over.as_mut().poll(cx)
    }
}

impl Future for Held<DetachedCall> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let call = &mut this.part;
        let polled = poll_held_by(&*this.generation, || call.as_mut().poll(cx));
        match polled {
            Poll::Ready(Ok(mut response)) => {
                response.map_body(|body| match body {
                    HostBody::Empty | HostBody::Full(_) => body,
                    body => HostBody::Stream(Box::pin(Held {
                        part: body,
                        wait: this.wait.take(),
                        over: None,
                        generation: Arc::clone(&this.generation),
                    })),
                });
                Poll::Ready(Ok(response))
            }
            Poll::Ready(Err(failure)) => Poll::Ready(Err(failure)),
            Poll::Pending => {
                let over = this.poll_over(Phase::Request, cx);
                over.map(|()| Err(aborted()))
            }
        }
    }
}

impl Body for Held<HostBody> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match Pin::new(&mut self.part).poll_frame(cx) {
            Poll::Pending => {
                let over = self.poll_over(Phase::Body, cx);
                over.map(|()| Some(Err(aborted())))
            }
            ready => ready,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.part.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.part.size_hint()
    }
}

fn aborted() -> Failure {
    let message = "the drain deadline of the generation passed before the response ended";
    Failure::body(StatusCode::SERVICE_UNAVAILABLE, message)
}
