//! A numbered, immutable stack in service.

use std::fmt;
use std::sync::{Arc, Weak};

use tokio::sync::oneshot;

use super::drain_deadline::DrainDeadline;
use super::probation::FirstRequests;
use super::waiting::WaitingRequests;
use crate::load::manifest::{Dev, Failures, Limits, Manifest, Renewal, TrustedProxies};
use crate::serve::stack::Stack;

/// A stack in service. A request holds it from its first byte to its last.
pub struct Generation {
    /// Counts from 1.
    pub number: u64,
    /// The stack.
    pub stack: Arc<Stack>,
    /// The limits of its requests.
    pub limits: Limits,
    /// The proxies that say who the client of a request is.
    pub trusted_proxies: TrustedProxies,
    /// What happens when its handlers fail.
    pub failures: Failures,
    /// When the worker is replaced.
    pub renewal: Renewal,
    /// What `[dev]` adds to it; nothing in production.
    pub dev: Dev,
    deadline: Arc<DrainDeadline>,
    waiting: Arc<WaitingRequests>,
    first: FirstRequests,
    /// Itself.
    this: Weak<Self>,
    /// Dropped with the last request.
    _alive: oneshot::Sender<()>,
}

impl Generation {
    /// A generation, and a receiver that resolves when its last holder has dropped it.
    pub(super) fn new(
        number: u64,
        stack: Arc<Stack>,
        manifest: &Manifest,
    ) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (alive, gone) = oneshot::channel();
        (
            Arc::new_cyclic(|this| Self {
                this: Weak::clone(this),
                number,
                stack,
                limits: manifest.limits.clone(),
                trusted_proxies: manifest.server.trusted_proxies.clone(),
                failures: manifest.failures.clone(),
                renewal: manifest.renewal.clone(),
                dev: manifest.dev,
                deadline: Arc::default(),
                waiting: Arc::default(),
                first: FirstRequests::new(manifest.failures.probation_requests),
                _alive: alive,
            }),
            gone,
        )
    }

    /// Another holder; none if the last one is gone.
    pub(super) fn shared(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// The deadline that ends its requests once it drains.
    pub fn deadline(&self) -> &Arc<DrainDeadline> {
        &self.deadline
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
