//! Tells a request that it has a deadline, as soon as that is known.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use stackup_plugin::abi::host::{DrainSource, Exchange};

use super::drain_state::DrainState;

impl DrainSource for DrainState {
    fn draining(
        self: Arc<Self>,
        exchange: Arc<Exchange>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(draining(self, exchange))
    }
}

/// Resolves when a request that arrived in the generation of `origin` has a deadline.
async fn draining(origin: Arc<DrainState>, exchange: Arc<Exchange>) {
    // The generation that it counts for, and the level at which it was found to be kept.
    let (mut current, mut kept_at) = (Arc::clone(&origin), None);
    loop {
        let mut ends = pin!(Arc::clone(&current).ends());
        poll_fn(|cx| match kept_at {
            // A layer has sent it elsewhere, perhaps to a handler that was replaced.
            Some(level) if level != exchange.level() => Poll::Ready(()),
            _ => ends.as_mut().poll(cx),
        })
        .await;
        let level = exchange.level();
        match origin.keeper(level) {
            Some(active) if !current.server_ends() => {
                current = Arc::clone(active.drain());
                kept_at = Some(level);
            }
            _ => return,
        }
    }
}

#[cfg(test)]
#[path = "draining_tests.rs"]
mod tests;
