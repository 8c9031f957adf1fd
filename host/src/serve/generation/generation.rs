//! A numbered, immutable stack in service.

use std::fmt;
use std::sync::{Arc, Weak};

use stackup_plugin::abi::host::StackHolder;
use tokio::sync::oneshot;

use super::drain_state::DrainState;
use super::instance::InstanceId;
use super::probation::FirstRequests;
use super::waiting::WaitingRequests;
use crate::load::manifest::{Dev, Failures, Limits, Manifest, Renewal, TrustedProxies};
use crate::serve::stack::{LimitsByLocation, Stack};

/// A stack in service. A request holds it from its first byte to its last.
pub struct Generation {
    /// Counts from 1.
    pub number: u64,
    /// The stack.
    pub stack: Arc<Stack>,
    /// The limits of the server.
    pub limits: Limits,
    /// The limits of its requests, by where they go.
    pub request_limits: LimitsByLocation,
    /// The proxies that say who the client of a request is.
    pub trusted_proxies: TrustedProxies,
    /// What happens when its handlers fail.
    pub failures: Failures,
    /// When the worker is replaced.
    pub renewal: Renewal,
    /// What `[dev]` adds to it; nothing in production.
    pub dev: Dev,
    drain: Arc<DrainState>,
    waiting: Arc<WaitingRequests>,
    first: FirstRequests,
    /// Dropped with the last request.
    _alive: oneshot::Sender<()>,
}

impl Generation {
    /// A generation whose stack has these instances, and a receiver that resolves when its last holder has dropped it.
    pub(super) fn new(
        number: u64,
        stack: Arc<Stack>,
        instances: Vec<InstanceId>,
        manifest: &Manifest,
    ) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (alive, gone) = oneshot::channel();
        let drain = DrainState::new(instances, Arc::clone(&stack.levels));
        let generation = Arc::new(Self {
            number,
            stack,
            limits: manifest.limits.clone(),
            request_limits: LimitsByLocation::of(manifest),
            trusted_proxies: manifest.server.trusted_proxies.clone(),
            failures: manifest.failures.clone(),
            renewal: manifest.renewal.clone(),
            dev: manifest.dev,
            drain,
            waiting: Arc::default(),
            first: FirstRequests::new(manifest.failures.probation_requests),
            _alive: alive,
        });
        let weak = Arc::downgrade(&generation);
        let holder: Weak<dyn StackHolder> = weak;
        generation.stack.holder.set(holder);
        (generation, gone)
    }

    /// What its requests watch for.
    pub fn drain(&self) -> &Arc<DrainState> {
        &self.drain
    }

    /// The registry of its requests that wait.
    pub fn waiting(&self) -> &Arc<WaitingRequests> {
        &self.waiting
    }

    /// Counts a client's request.
    #[inline]
    pub fn count_request(&self) {
        self.first.count();
    }

    /// The number of requests so far, up to `[failures] probation_requests`. After
    /// [`end_probation`](Self::end_probation) it is that number.
    pub fn requests_on_probation(&self) -> u64 {
        self.first.counted()
    }

    /// Stops counting.
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
