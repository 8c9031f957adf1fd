//! A call that waits: it ends at the drain deadline, unless none of its handlers was replaced.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use stackup_plugin::abi::host::{Exchange, HandlerContext};

use super::drain_state::DrainState;
use super::drain_watch::{DrainWatch, Outlook};
use super::generation::Generation;
use super::waiting::{Phase, RequestWait};

/// A call that waits in the stack of its own generation. That stack stays in memory until the call ends, also where the call
/// counts for another generation.
pub struct WaitingCall<'a> {
    own: &'a Arc<Generation>,
    exchange: &'a Exchange,
    wait: RequestWait,
    watch: Option<Box<DrainWatch>>,
    kept: Option<KeptCall>,
}

/// A call that counts for a later generation than its own.
pub(super) struct KeptCall {
    own: Arc<DrainState>,
    pub(super) current: Arc<Generation>,
}

impl KeptCall {
    pub(super) fn new(own: &Generation, current: Arc<Generation>) -> Self {
        let own = Arc::clone(own.drain());
        own.call_is_kept();
        Self { own, current }
    }
}

impl Drop for KeptCall {
    fn drop(&mut self) {
        self.own.kept_call_ended();
    }
}

impl<'a> WaitingCall<'a> {
    /// A call that has not waited yet.
    pub fn new(own: &'a Arc<Generation>, exchange: &'a Exchange, wait: RequestWait) -> Self {
        Self {
            own,
            exchange,
            wait,
            watch: None,
            kept: None,
        }
    }

    /// The generation that it counts for, if that is not its own.
    #[inline]
    pub fn kept_by(&self) -> Option<&Generation> {
        self.kept.as_ref().map(|kept| &*kept.current)
    }

    /// It waits, in this handler if that is known.
    pub fn waits_in(&mut self, handler: Option<&'static HandlerContext>) {
        let handler = handler.map(|context| context.handler.as_str());
        let level = self.exchange.level();
        let counted = self.kept.as_ref().map_or(self.own, |kept| &kept.current);
        self.wait
            .is(counted.waiting(), Phase::Request, handler, level);
    }

    /// Resolves when the drain deadline ends it.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let watch = self
            .watch
            .get_or_insert_with(|| Box::new(DrainWatch::new(self.own.drain())));
        loop {
            match ready!(watch.poll(self.exchange.level(), cx)) {
                Outlook::Over => return Poll::Ready(()),
                Outlook::Kept(current) => {
                    self.wait.moves_to(current.waiting(), self.own.number);
                    self.kept = Some(KeptCall::new(self.own, current));
                }
            }
        }
    }

    /// The call has ended: what its response goes on with, if it counts for another generation.
    pub fn answered(
        mut self,
    ) -> (
        Option<Arc<Generation>>,
        RequestWait,
        Option<Box<DrainWatch>>,
    ) {
        let mut wait = self.wait.take();
        wait.answered();
        let kept = self.kept.take();
        let current = kept.map(|kept| Arc::clone(&kept.current));
        (current, wait, self.watch.take())
    }
}
