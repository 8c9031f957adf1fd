//! The watchdog: reports handlers that block their thread, while they do.
//!
//! Only polls count: `init` and drop run on threads that may block, and a thread that waits for work is in no poll.

mod polls;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use stackup_plugin::abi::host::{self, HandlerContext, RunningHandler};

pub use self::polls::BlockLimits;
use self::polls::{Block, BlockEvent, PollSample, PollTracker};

/// A handler that blocks its thread.
pub type BlockedHandler = Block<&'static HandlerContext>;

/// A thread that samples all others. It ends when this is dropped.
#[derive(Debug)]
pub struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    blocked: Vec<BlockedHandler>,
    end: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    /// Starts the thread. `limits` is called for each sample; `hung` once for each handler that blocks its thread for
    /// longer than the limit.
    ///
    /// # Errors
    ///
    /// The thread can't be started.
    pub fn start(
        limits: impl Fn() -> BlockLimits + Send + 'static,
        mut hung: impl FnMut(&BlockedHandler) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let watch = move || {
            // A sample costs a few loads per thread.
            let (start, mut tracker) = (Instant::now(), PollTracker::new());
            loop {
                let samples: Vec<_> = host::running_handlers()
                    .into_iter()
                    .map(sample_of)
                    .collect();
                let limits = limits();
                for event in tracker.sample(start.elapsed(), &samples, limits) {
                    report(&event);
                    if let BlockEvent::Hung(hang) = &event {
                        hung(hang);
                    }
                }
                let interval = limits.interval(samples.is_empty());
                let mut state = theirs.state();
                state.blocked = tracker.blocked().collect();
                let waited = theirs
                    .ended
                    .wait_timeout_while(state, interval, |state| !state.end);
                if waited.unwrap_or_else(PoisonError::into_inner).0.end {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(watch)?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// The handlers that block their thread now.
    pub fn blocked(&self) -> Vec<BlockedHandler> {
        self.shared.state().blocked.clone()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.state().end = true;
        self.shared.ended.notify_all();
        if let Some(thread) = self.thread.take() {
            // If it has panicked, the panic hook has reported it.
            let _ = thread.join();
        }
    }
}

fn sample_of(busy: RunningHandler) -> PollSample<&'static HandlerContext> {
    let RunningHandler {
        thread,
        poll,
        generation,
        handler,
    } = busy;
    PollSample {
        thread,
        poll,
        generation,
        handler,
    }
}

fn report(event: &BlockEvent<&'static HandlerContext>) {
    let (BlockEvent::Blocked(block) | BlockEvent::Hung(block) | BlockEvent::Unblocked(block)) =
        event;
    let (handler, generation) = (&block.handler.handler, block.generation);
    let seconds = block.time.as_secs_f64();
    match event {
        BlockEvent::Blocked(_) => {
            block.handler.failures.blocked();
            tracing::warn!(
                event = "blocked",
                handler,
                generation,
                seconds,
                "blocks its thread for {seconds:.1} s now, and other requests wait for it: let it \
                 await, or give it a thread of its own"
            );
        }
        BlockEvent::Hung(_) => tracing::error!(
            event = "hung",
            handler,
            generation,
            seconds,
            "hangs: it blocks its thread for {seconds:.1} s now (`[limits] block_limit`)"
        ),
        BlockEvent::Unblocked(_) => tracing::warn!(
            event = "unblocked",
            handler,
            generation,
            seconds,
            "blocked its thread for {seconds:.1} s"
        ),
    }
}
