//! What a response holds until its last byte: its generation, and its entry among the requests that wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use stackup_plugin::abi::host::HandlerContext;

use super::connection_state::ConnectionState;
use crate::serve::generation::{Generation, Phase, RequestWait};
use crate::serve::observe::ObserveRequest;

/// A generation, held by a response.
pub(super) struct ResponseGuard {
    pub(super) generation: Arc<Generation>,
    wait: RequestWait,
    connection: Arc<ConnectionState>,
    /// Resolves at the generation's drain deadline; created at the first wait.
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Whether the connection's `send_deadline` is set.
    is_sent: bool,
    /// Observes the request; its drop is the request's end.
    observed: Option<Box<dyn ObserveRequest>>,
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
        self.poll_over(cx)
    }

    /// The body has more than the client may take at once. Returns whether the drain deadline has passed.
    pub(super) fn is_sent(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_sent {
            self.is_sent = true;
            self.wait.is(self.generation.waiting(), Phase::Body, None);
            self.connection
                .send_deadline
                .set(self.generation.deadline());
            // Registers the connection to be woken at the deadline, which is checked below.
            let _ = self.poll_over(cx);
        }
        self.is_over()
    }

    /// Whether the generation's drain deadline has passed.
    pub(super) fn is_over(&self) -> bool {
        self.generation.deadline().has_passed()
    }

    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.generation.deadline();
        let over = self
            .over
            .get_or_insert_with(|| Box::pin(Arc::clone(deadline).passed()));
        over.as_mut().poll(cx)
    }
}

impl Drop for ResponseGuard {
    fn drop(&mut self) {
        if self.is_sent {
            self.connection.send_deadline.clear();
        }
    }
}
