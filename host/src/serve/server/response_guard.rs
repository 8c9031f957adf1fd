//! What a response holds until its last byte: its generation, and its entry among the requests that wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use stackup_plugin::abi::host::HandlerContext;

use super::connection_state::{ConnectionState, EndedFor};
use crate::serve::generation::{Generation, Phase, RequestWait};
use crate::serve::observe::ObserveRequest;

/// The error of a body that is aborted at the drain deadline.
pub(super) const OVER: &str = "the generation's drain deadline passed";

/// A generation, held by a response.
pub(super) struct ResponseGuard {
    pub(super) generation: Arc<Generation>,
    wait: RequestWait,
    connection: Arc<ConnectionState>,
    over: Over,
    /// Whether the connection's `sending` has the generation's deadline.
    is_sent: bool,
    /// Observes the request; its drop is the request's end.
    observed: Option<Box<dyn ObserveRequest>>,
}

/// Resolves at the generation's drain deadline; created at the first wait.
type Over = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

fn poll_over(over: &mut Over, generation: &Generation, cx: &mut Context<'_>) -> Poll<()> {
    let deadline = generation.deadline();
    // A connection may ask again after it has passed.
    if deadline.has_passed() {
        return Poll::Ready(());
    }
    let over = over.get_or_insert_with(|| Box::pin(Arc::clone(deadline).passed()));
    over.as_mut().poll(cx)
}

impl ResponseGuard {
    pub(super) fn new(
        generation: Arc<Generation>,
        wait: RequestWait,
        connection: Arc<ConnectionState>,
    ) -> Self {
        Self {
            generation,
            wait,
            connection,
            over: None,
            is_sent: false,
            observed: None,
        }
    }

    /// Ends the observation of the request with its response.
    pub(super) fn observed(mut self, observed: Option<Box<dyn ObserveRequest>>) -> Self {
        self.observed = observed;
        self
    }

    /// The last byte has been handed to the connection.
    pub(super) fn complete(&self) {
        if let Some(observed) = &self.observed {
            observed.complete();
        }
    }

    /// The body has nothing to send and waits in `handler`. Resolves at the drain deadline.
    pub(super) fn waits(
        &mut self,
        handler: Option<&'static HandlerContext>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let handler = handler.map(|context| context.handler.as_str());
        let registry = self.generation.waiting();
        self.wait.is(registry, Phase::Body, handler);
        poll_over(&mut self.over, &self.generation, cx)
    }

    /// The body has more than the client may take at once. Returns whether the drain deadline has passed.
    pub(super) fn is_sent(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_sent {
            self.is_sent = true;
            self.wait.is(self.generation.waiting(), Phase::Body, None);
            self.connection.sending.begin(self.generation.deadline());
            // Registers the connection to be woken at the deadline, which is checked below.
            let _ = poll_over(&mut self.over, &self.generation, cx);
        }
        self.is_over()
    }

    /// Whether the generation's drain deadline has passed.
    pub(super) fn is_over(&self) -> bool {
        self.generation.deadline().has_passed()
    }

    /// Why the connection ended before the response did.
    pub(super) fn why_cut(&self) -> &'static str {
        match self.connection.ended_for() {
            _ if self.is_over() => OVER,
            Some(EndedFor::SendTimeout) => "the client took nothing for `[limits] send_timeout`",
            _ => "the client left before the end of the body",
        }
    }

    /// The body has ended. hyper may not have sent all of it if it is `long`.
    pub(super) fn end(&mut self, long: bool) {
        if long || self.is_sent {
            let (wait, over) = (self.wait.take(), self.over.take());
            self.connection.sending.push(SentResponse {
                generation: Arc::clone(&self.generation),
                wait,
                over,
                _observed: self.observed.take(),
            });
        }
    }
}

impl Drop for ResponseGuard {
    fn drop(&mut self) {
        if self.is_sent {
            self.connection.sending.end();
        }
        self.connection.wait.answered();
    }
}

/// A response that hyper has all of.
pub(super) struct SentResponse {
    generation: Arc<Generation>,
    wait: RequestWait,
    over: Over,
    _observed: Option<Box<dyn ObserveRequest>>,
}

impl SentResponse {
    /// The client does not take the rest.
    pub(super) fn waits(&mut self, cx: &mut Context<'_>) {
        self.wait.is(self.generation.waiting(), Phase::Body, None);
        // Registers the connection to be woken at the deadline.
        let _ = poll_over(&mut self.over, &self.generation, cx);
    }

    /// Whether the generation's drain deadline has passed.
    pub(super) fn is_over(&self) -> bool {
        self.generation.deadline().has_passed()
    }
}

impl fmt::Debug for SentResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentResponse")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
