//! Generations: numbered, immutable stacks; candidate → active → draining → retired.
//!
//! Knows neither HTTP/1.1 nor TOML's text.

mod active;
mod candidate;
mod drain;
mod find;
mod health;
mod held_by;
mod instance;
mod instance_changes;
mod library_builder;
mod lock;
mod matching;
mod placeholder;
mod probation;
mod probed;
mod quarantine;
mod record;
mod refusal;
mod registry;
mod reload;
mod report;
mod resolve;
mod schema;
mod serving;
mod recovery;
mod status;
mod loader;
mod generations;
mod waiting;
mod warmup;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, oneshot};

use self::probation::FirstRequests;
use crate::load::manifest::{Dev, Failures, Limits, Manifest, Renewal};
use crate::serve::stack::Stack;

pub use self::active::Active;
pub use self::candidate::{BuildContext, Candidate, RejectedCandidate, build};
pub use self::health::Health;
pub use self::held_by::HeldBy;
pub use self::instance::{Instance, Key};
pub use self::instance_changes::InstanceChanges;
pub use self::library_builder::{BuiltLibraries, LibraryBuildError, LibraryBuilder};
pub use self::matching::Position;
pub use self::probed::ProbedHandlers;
pub use self::record::{ReloadOutcome, ReloadRecord};
pub use self::refusal::{Refusal, Stage};
pub use self::registry::Registry;
pub use self::reload::{OnBuild, Reloader};
pub use self::report::{Outcome, ReloadMode, Report};
pub use self::resolve::{ResolveContext, ResolveError, Resolved, Timings, resolve};
pub use self::recovery::OnCandidate;
pub use self::status::{
    ActiveGeneration, DrainingGeneration, GenerationStatus, StackInstance, StackLine,
};
pub use self::waiting::{Phase, RequestWait, WaitingRequest, WaitingRequests};

/// A stack in service. A request holds it from its first byte to its last.
pub struct Generation {
    /// Counts from 1.
    pub number: u64,
    /// The stack.
    pub stack: Arc<Stack>,
    /// What its requests may take.
    pub limits: Limits,
    /// What follows when it fails.
    pub failures: Failures,
    /// What it may leave behind.
    pub renewal: Renewal,
    /// What it adds for whoever develops, where that is asked for at all.
    pub dev: Dev,
    ending: Arc<DrainDeadline>,
    waiting: Arc<WaitingRequests>,
    first: FirstRequests,
    /// Dropped with the last request.
    _alive: oneshot::Sender<()>,
}

impl Generation {
    /// A generation, and what resolves when its last holder has let go.
    fn new(number: u64, stack: Arc<Stack>, manifest: &Manifest) -> (Self, oneshot::Receiver<()>) {
        let (alive, gone) = oneshot::channel();
        (
            Self {
                number,
                stack,
                limits: manifest.limits.clone(),
                failures: manifest.failures.clone(),
                renewal: manifest.renewal.clone(),
                dev: manifest.dev,
                ending: Arc::default(),
                waiting: Arc::default(),
                first: FirstRequests::new(manifest.failures.probation_requests),
                _alive: alive,
            },
            gone,
        )
    }

    /// What its requests listen to while they wait.
    pub fn ending(&self) -> &Arc<DrainDeadline> {
        &self.ending
    }

    /// Where its requests are told of that wait.
    pub fn waiting(&self) -> &Arc<WaitingRequests> {
        &self.waiting
    }

    /// A request of a client has begun.
    #[inline]
    pub fn count_request(&self) {
        self.first.count();
    }

    /// How many requests have begun, up to `[failures] probation_requests`; that many, too, when the
    /// probation was ended before.
    pub fn requests_on_probation(&self) -> u64 {
        self.first.counted()
    }

    /// Counts no more.
    pub fn end_probation(&self) {
        self.first.stop();
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
pub struct DrainDeadline {
    over: AtomicBool,
    notify: Notify,
}

impl DrainDeadline {
    /// Whether the drain's deadline has passed.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Resolves when the drain's deadline has passed.
    pub async fn over(self: Arc<Self>) {
        let mut notified = std::pin::pin!(self.notify.notified());
        // Listen first, look second: else the end could fall in between.
        notified.as_mut().enable();
        if !self.is_over() {
            notified.await;
        }
    }

    fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }
}
