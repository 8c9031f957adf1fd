//! How the requests of a generation learn that it was replaced, and that its drain deadline has passed.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use stackup_plugin::abi::host::{DrainSourceEntry, DrainSourceId};
use tokio::sync::Notify;

use super::active::Active;
use super::generation::Generation;
use super::instance::InstanceId;
use crate::load::manifest::Limits;
use crate::serve::stack::Levels;

/// It serves new requests.
pub(super) const SERVES: u8 = 0;
/// Another generation serves new requests.
const REPLACED: u8 = 1;

/// What has a deadline when a generation is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainDeadline {
    /// Requests that run on replaced code: `[limits] drain_timeout`.
    Requests = 2,
    /// Connections that have changed to another protocol: `[limits] upgrade_drain`.
    Upgrades = 4,
}

/// How long each may go on.
#[derive(Debug, Clone, Copy)]
pub struct DrainTimes {
    /// Requests that run on replaced code.
    pub requests: Duration,
    /// Connections that have changed to another protocol.
    pub upgrades: Duration,
}

impl DrainTimes {
    /// The same for all.
    pub fn all(time: Duration) -> Self {
        Self {
            requests: time,
            upgrades: time,
        }
    }

    /// Those of `[limits]`.
    pub fn of(limits: &Limits) -> Self {
        Self {
            requests: limits.drain_timeout,
            upgrades: limits.upgrade_drain,
        }
    }
}

/// Whether this deadline has passed in a [`DrainState::state`].
pub(super) fn passed(state: u8, deadline: DrainDeadline) -> bool {
    state & deadline as u8 != 0
}

/// The state of a generation for its requests. It holds neither handlers nor libraries.
#[derive(Debug)]
pub struct DrainState {
    state: AtomicU8,
    notify: Notify,
    /// The instances of its stack, in the order of the directives.
    instances: Vec<InstanceId>,
    levels: Arc<Levels>,
    /// Where to find the generation that serves now; set when this one is replaced.
    active: OnceLock<Arc<Active>>,
    /// How many calls have the stack in memory, but count for a later generation.
    kept_calls: AtomicUsize,
    /// Whether the server ends, so that no other generation follows.
    server_ends: AtomicBool,
    /// By which requests find it.
    entry: DrainSourceEntry,
}

impl DrainState {
    pub(super) fn new(instances: Vec<InstanceId>, levels: Arc<Levels>) -> Arc<Self> {
        Arc::new_cyclic(|own: &Weak<Self>| Self {
            state: AtomicU8::new(SERVES),
            notify: Notify::new(),
            instances,
            levels,
            active: OnceLock::new(),
            kept_calls: AtomicUsize::new(0),
            server_ends: AtomicBool::new(false),
            entry: DrainSourceEntry::new(own.clone()),
        })
    }

    /// By which its requests find it.
    #[inline]
    pub fn source(&self) -> DrainSourceId {
        self.entry.id()
    }

    /// Whether the generation was replaced.
    #[inline]
    pub fn is_replaced(&self) -> bool {
        self.state() != SERVES
    }

    /// Whether the server ends.
    pub(super) fn server_ends(&self) -> bool {
        self.server_ends.load(Ordering::Acquire)
    }

    /// The server ends: no generation follows.
    pub(super) fn begin_server_end(&self) {
        self.server_ends.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Whether this deadline has passed.
    pub fn has_passed(&self, deadline: DrainDeadline) -> bool {
        passed(self.state(), deadline)
    }

    /// The active generation, if it has every instance that a request at `level` may still enter: no code of the request
    /// was replaced.
    pub(super) fn keeper(&self, level: Option<u32>) -> Option<Arc<Generation>> {
        let active = self.active.get()?.load();
        let kept = &active.drain().instances;
        let holds = |position: usize| {
            let instance = self.instances.get(position);
            instance.is_some_and(|instance| kept.contains(instance))
        };
        let count = self.instances.len();
        let is_kept = self.levels.reaches_only(level, count, holds);
        is_kept.then_some(active)
    }

    /// Whether the active generation has this instance.
    pub(super) fn keeps(&self, instance: InstanceId) -> bool {
        let active = self.active.get().map(|active| active.load());
        active.is_some_and(|active| active.drain().instances.contains(&instance))
    }

    /// How many calls have the stack in memory, but count for a later generation.
    pub(super) fn kept_calls(&self) -> usize {
        self.kept_calls.load(Ordering::Acquire)
    }

    pub(super) fn call_is_kept(&self) {
        self.kept_calls.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn kept_call_ended(&self) {
        self.kept_calls.fetch_sub(1, Ordering::AcqRel);
    }

    /// Another generation serves new requests: `active` has it.
    pub(super) fn replaced(&self, active: Arc<Active>) {
        // Replaced once.
        let _ = self.active.set(active);
        self.advance(REPLACED);
    }

    /// This deadline has passed.
    pub(super) fn expire(&self, deadline: DrainDeadline) {
        self.advance(deadline as u8);
    }

    fn advance(&self, state: u8) {
        self.state.fetch_or(state, Ordering::AcqRel);
        self.notify.notify_waiters();
    }

    pub(super) fn state(&self) -> u8 {
        self.state.load(Ordering::Acquire)
    }

    /// Resolves when the state is another one than `seen`.
    pub(super) async fn changes(self: Arc<Self>, seen: u8) {
        self.when(|this| this.state() != seen).await;
    }

    /// Resolves when it is replaced, or the server ends.
    pub(super) async fn ends(self: Arc<Self>) {
        self.when(|this| this.is_replaced() || this.server_ends())
            .await;
    }

    async fn when(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let mut notified = pin!(self.notify.notified());
            // Register before checking; otherwise the change could happen in between.
            notified.as_mut().enable();
            if holds(self) {
                return;
            }
            notified.await;
        }
    }
}
