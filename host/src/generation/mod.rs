//! Generations: numbered, immutable stacks; candidate → active → draining → retired.
//!
//! Knows neither HTTP/1.1 nor TOML's text.

mod active;
mod brought;
mod candidate;
mod drain;
mod fates;
mod find;
mod health;
mod instance;
mod matching;
mod reload;
mod report;
mod resolve;
mod serving;
mod steps;
mod tasks;
mod tried;
mod warmup;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, oneshot};

use crate::manifest::Limits;
use crate::stack::Stack;

pub use self::active::Active;
pub use self::brought::{Brought, Libraries};
pub use self::candidate::{Built, Ground, Unbuilt, build};
pub use self::fates::Fates;
pub use self::health::Health;
pub use self::instance::{Instance, Key};
pub use self::matching::Spot;
pub use self::reload::Reloader;
pub use self::report::{Ask, Outcome, Report};
pub use self::resolve::{Place, Resolved, Timings, resolve};
pub use self::tasks::Tasks;
pub use self::tried::Tried;

/// A stack in service. A request holds it from its first byte to its last.
pub struct Generation {
    /// Counts from 1.
    pub number: u64,
    /// The stack.
    pub stack: Arc<Stack>,
    /// What its requests may take.
    pub limits: Limits,
    ending: Arc<Ending>,
    /// Dropped with the last request.
    _alive: oneshot::Sender<()>,
}

impl Generation {
    /// A generation, and what resolves when its last holder has let go.
    fn new(number: u64, stack: Arc<Stack>, limits: Limits) -> (Self, oneshot::Receiver<()>) {
        let (alive, gone) = oneshot::channel();
        (
            Self {
                number,
                stack,
                limits,
                ending: Arc::default(),
                _alive: alive,
            },
            gone,
        )
    }

    /// What its requests listen to while they wait.
    pub fn ending(&self) -> &Arc<Ending> {
        &self.ending
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Tells the requests of a generation that their time is up.
#[derive(Debug, Default)]
pub struct Ending {
    over: AtomicBool,
    notify: Notify,
}

impl Ending {
    /// Resolves when the drain's deadline has passed.
    pub async fn over(self: Arc<Self>) {
        let mut notified = std::pin::pin!(self.notify.notified());
        // Listen first, look second: else the end could fall in between.
        notified.as_mut().enable();
        if !self.over.load(Ordering::Acquire) {
            notified.await;
        }
    }

    fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }
}
