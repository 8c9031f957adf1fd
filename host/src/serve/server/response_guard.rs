//! What a response holds until its last byte: its generation, and its entry among the requests that wait.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use stackup_plugin::abi::host::HandlerContext;

use super::connection_state::EndedFor;
use super::transport::Transport;
use crate::serve::generation::{
    DrainDeadline, DrainWatch, Generation, Outlook, Phase, RequestWait, UpgradeRecord,
};
use crate::serve::observe::ObserveRequest;

/// The error of a body that is aborted at the drain deadline.
pub(super) const OVER: &str = "the generation's drain deadline passed";

/// The generation that a response counts for.
struct Counted {
    generation: Arc<Generation>,
    /// The level of the stack that the request was sent to; none if unknown.
    level: Option<u32>,
    wait: RequestWait,
    /// Created at the first wait.
    watch: Option<Box<DrainWatch>>,
    /// Whether its connection has changed to another protocol.
    is_upgrade: bool,
}

impl Counted {
    /// Resolves at the drain deadline. Before that the response moves to the generation that keeps all its handlers, if there
    /// is one, and lets go of its own.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let new = || Box::new(new_watch(&self.generation, self.is_upgrade));
        let watch = self.watch.get_or_insert_with(new);
        loop {
            match ready!(watch.poll(self.level, cx)) {
                Outlook::Over => return Poll::Ready(()),
                Outlook::Kept(generation) => {
                    self.wait
                        .moves_to(generation.waiting(), self.generation.number);
                    self.generation = generation;
                }
            }
        }
    }

    /// Whether the drain deadline ends it.
    fn is_over(&self) -> bool {
        match &self.watch {
            Some(watch) => watch.is_over(self.level),
            None => {
                self.generation.drain().is_replaced()
                    && new_watch(&self.generation, self.is_upgrade).is_over(self.level)
            }
        }
    }

    /// It waits for the client, or in a handler.
    fn waits(&mut self, handler: Option<&'static str>) {
        let registry = self.generation.waiting();
        let phase = match self.is_upgrade {
            true => Phase::Upgraded,
            false => Phase::Body,
        };
        self.wait.is(registry, phase, handler, self.level);
    }
}

fn new_watch(generation: &Generation, is_upgrade: bool) -> DrainWatch {
    let mut watch = DrainWatch::new(generation.drain());
    if is_upgrade {
        watch.set_deadline(DrainDeadline::Upgrades);
    }
    watch
}

/// A generation, held by a response.
pub(super) struct ResponseGuard<T: Transport> {
    counted: Counted,
    transport: T,
    /// Whether the transport watches too.
    is_sent: bool,
    /// Observes the request; its drop is the request's end.
    observed: Option<Box<dyn ObserveRequest>>,
}

impl<T: Transport> ResponseGuard<T> {
    pub(super) fn new(generation: Arc<Generation>, wait: RequestWait, transport: T) -> Self {
        Self {
            counted: Counted {
                generation,
                level: None,
                wait,
                watch: None,
                is_upgrade: false,
            },
            transport,
            is_sent: false,
            observed: None,
        }
    }

    /// The level that the request was sent to, and what it watches already.
    pub(super) fn at(mut self, level: Option<u32>, watch: Option<Box<DrainWatch>>) -> Self {
        self.counted.level = level;
        self.counted.watch = watch;
        self
    }

    /// The connection changes to another protocol after the head.
    pub(super) fn upgraded(mut self, record: &Arc<UpgradeRecord>) -> Self {
        let counted = &mut self.counted;
        counted.is_upgrade = true;
        if let Some(watch) = &mut counted.watch {
            watch.set_deadline(DrainDeadline::Upgrades);
        }
        let waiting = counted.generation.waiting();
        counted.wait.upgrades(waiting, record, counted.level);
        self
    }

    /// The number of the generation that it counts for.
    pub(super) fn generation(&self) -> u64 {
        self.counted.generation.number
    }

    /// Whether the response may have `connection`.
    pub(super) fn has_connection_field(&self) -> bool {
        self.transport.has_connection_field()
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
        self.counted.waits(handler);
        self.counted.poll_over(cx)
    }

    /// The body has more than the client may take at once. Returns whether the drain deadline has passed.
    pub(super) fn is_sent(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_sent {
            self.is_sent = true;
            self.counted.waits(None);
            // Has the connection woken at the deadline: hyper does not poll the body while the client takes nothing.
            let _ = self.counted.poll_over(cx);
            if let Some(watch) = &self.counted.watch {
                self.transport
                    .sending()
                    .begin(watch.again(), self.counted.level);
            }
        }
        self.counted.generation.drain().is_replaced() && self.counted.poll_over(cx).is_ready()
    }

    /// Why the connection ended before the response did.
    pub(super) fn why_cut(&self) -> &'static str {
        match self.transport.ended_for() {
            _ if self.counted.is_over() => OVER,
            Some(EndedFor::SendTimeout) => "the client took nothing for `[limits] send_timeout`",
            _ => "the client left before the end of the body",
        }
    }

    /// The body has ended. hyper may not have sent all of it if it is `long`.
    pub(super) fn end(&mut self, long: bool) {
        if long || self.is_sent {
            let counted = &mut self.counted;
            self.transport.handed_over(SentResponse {
                counted: Counted {
                    generation: Arc::clone(&counted.generation),
                    level: counted.level,
                    wait: counted.wait.take(),
                    watch: counted.watch.take(),
                    is_upgrade: counted.is_upgrade,
                },
                _observed: self.observed.take(),
            });
        }
    }
}

impl<T: Transport> Drop for ResponseGuard<T> {
    fn drop(&mut self) {
        if self.is_sent {
            self.transport.sending().end();
        }
        self.transport.answered();
    }
}

/// A response that hyper has all of.
pub(super) struct SentResponse {
    counted: Counted,
    _observed: Option<Box<dyn ObserveRequest>>,
}

impl SentResponse {
    /// The client does not take the rest.
    pub(super) fn waits(&mut self, cx: &mut Context<'_>) {
        self.counted.waits(None);
        // Has the connection woken at the deadline.
        let _ = self.counted.poll_over(cx);
    }

    /// The connection waits. Whether the drain deadline has passed.
    pub(super) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.counted.watch.is_some() && self.counted.poll_over(cx).is_ready()
    }
}

impl fmt::Debug for SentResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentResponse")
            .field("generation", &self.counted.generation)
            .finish_non_exhaustive()
    }
}
