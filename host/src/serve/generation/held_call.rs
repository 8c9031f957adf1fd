//! A call that was detached from its request: it holds its generation.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use stackup_plugin::abi::host::{
    DetachedCall, DetachedRequest, Exchange, Failure, HostBody, Outcome, StackHolder,
};

use super::drain_watch::{DrainWatch, Outlook};
use super::generation::Generation;
use super::kept_call::KeptCall;
use super::waiting::{Phase, RequestWait};

impl StackHolder for Generation {
    fn hold(self: Arc<Self>, request: DetachedRequest, call: DetachedCall) -> DetachedCall {
        let DetachedRequest {
            method,
            target,
            exchange,
        } = request;
        Box::pin(Held {
            part: call,
            wait: RequestWait::named(method, target),
            watch: None,
            kept: None,
            exchange,
            generation: self,
        })
    }
}

/// Part of a request that may outlive it. The fields are dropped in this order.
struct Held<T> {
    part: T,
    wait: RequestWait,
    /// Watches the generation; created at the first wait.
    watch: Option<DrainWatch>,
    /// The generation that it counts for, if that is a later one.
    kept: Option<KeptCall>,
    exchange: Arc<Exchange>,
    generation: Arc<Generation>,
}

impl<T> Held<T> {
    /// It waits. Resolves when the drain deadline ends it.
    fn poll_over(&mut self, phase: Phase, cx: &mut Context<'_>) -> Poll<()> {
        let level = self.exchange.level();
        let counted = self.kept.as_ref().map(|kept| &kept.current);
        let counted = counted.unwrap_or(&self.generation);
        self.wait.is(counted.waiting(), phase, None, level);
        let drain = self.generation.drain();
        let watch = self.watch.get_or_insert_with(|| DrainWatch::new(drain));
        loop {
            match ready!(watch.poll(level, cx)) {
                Outlook::Over => return Poll::Ready(()),
                // Its own stack stays in memory for it.
                Outlook::Kept(current) => {
                    let own = &self.generation;
                    self.wait.moves_to(current.waiting(), own.number);
                    self.kept = Some(KeptCall::new(own, current));
                }
            }
        }
    }
}

impl Future for Held<DetachedCall> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        match this.part.as_mut().poll(cx) {
            Poll::Ready(Ok(mut response)) => {
                response.map_body(|body| match body {
                    HostBody::Empty | HostBody::Full(_) => body,
                    body => HostBody::Stream(Box::pin(Held {
                        part: body,
                        wait: this.wait.take(),
                        watch: this.watch.take(),
                        kept: this.kept.take(),
                        exchange: Arc::clone(&this.exchange),
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

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::task::Waker;

    use http::{Method, Uri};
    use stackup_plugin::abi::host::{Connection, HostRequest};

    use super::super::active::Active;
    use super::super::drain_state::DrainDeadline;
    use super::super::drain_watch::tests::{generation, new_instances};
    use super::super::instance::InstanceId;
    use super::*;

    /// A call that was sent to this level and has no answer.
    fn call_at(level: u32, generation: &Arc<Generation>) -> DetachedCall {
        let exchange = Arc::new(Exchange::new(generation.number));
        let (parts, ()) = http::Request::new(()).into_parts();
        let connection = Connection::default();
        let request = HostRequest::new(parts, HostBody::Empty, connection, Arc::clone(&exchange));
        request.enter_level(0, level);
        let detached = DetachedRequest {
            method: Method::GET,
            target: Uri::default(),
            exchange,
        };
        Arc::clone(generation).hold(detached, Box::pin(pending()))
    }

    fn fails(call: &mut DetachedCall) -> bool {
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        matches!(polled, Poll::Ready(Err(_)))
    }

    #[test]
    fn detached_call_ends_only_for_what_it_may_enter() {
        let [outer, a, b] = new_instances();
        let first = generation(1, &[outer, a, b]);
        let active = Arc::new(Active::new(Arc::clone(&first)));
        let [mut at_a, mut at_b] = [1, 2].map(|level| call_at(level, &first));
        assert!(!fails(&mut at_a) && !fails(&mut at_b));
        let second = generation(2, &[outer, a, InstanceId::new()]);
        active.swap(Arc::clone(&second));
        assert!(!fails(&mut at_a) && !fails(&mut at_b));
        first.drain().expire(DrainDeadline::Requests);
        assert!(fails(&mut at_b));
        assert!(!fails(&mut at_a));
        // It has the deadline of the generation that it counts for.
        assert_eq!(first.drain().kept_calls(), 1);
        active.swap(generation(3, &[outer, InstanceId::new(), b]));
        assert!(!fails(&mut at_a));
        assert_eq!(first.drain().kept_calls(), 1);
        second.drain().expire(DrainDeadline::Requests);
        assert!(fails(&mut at_a));
        drop(at_a);
        assert_eq!(first.drain().kept_calls(), 0);
    }
}
