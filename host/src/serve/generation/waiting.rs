//! The requests of a generation that wait: what holds it when it drains.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::{Method, Request, Uri};
use log_text::{in_path, one_line};
use serde::Serialize;

use super::upgrade_record::UpgradeRecord;
use super::waiting_list::{WaitingList, WaitingRequest};

/// Longer paths are cut.
const PATH_LIMIT: usize = 100;

/// A registry of requests. A request that never waits is never in it.
#[derive(Debug, Default)]
pub struct WaitingRequests(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// Numbers are not reused, so entries are in the order of their arrival.
    next: u64,
    all: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    method: Method,
    uri: Uri,
    since: Instant,
    state: State,
    /// The generation that it arrived in, if that is another one.
    from: Option<u64>,
    upgrade: Option<Arc<UpgradeRecord>>,
}

/// Where a request waits: for what, in which handler, and at which level of its stack.
type State = (Phase, Option<&'static str>, Option<u32>);

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The response.
    Request,
    /// The end of the response's body.
    Body,
    /// The end of a connection that has changed to another protocol.
    Upgraded,
}

impl WaitingRequests {
    /// Those that wait now.
    pub fn requests(&self, now: Instant) -> WaitingList {
        self.requests_at(now, |_| true)
    }

    /// Those that wait now at such a level.
    pub(super) fn requests_at(
        &self,
        now: Instant,
        level: impl Fn(Option<u32>) -> bool,
    ) -> WaitingList {
        let entries = self.lock();
        let entries = entries.all.values().filter(|entry| level(entry.state.2));
        let show = |entry: &Entry| WaitingRequest {
            method: entry.method.to_string(),
            path: shortened(entry.uri.path()),
            seconds: now.saturating_duration_since(entry.since).as_secs_f64(),
            phase: entry.state.0,
            handler: entry.state.1.map(str::to_owned),
            since_generation: entry.from,
            upgrade: entry.upgrade.as_ref().map(|record| record.status()),
        };
        WaitingList::of(entries.map(|entry| (entry.state.0, entry)), show)
    }

    /// How many wait now at such a level.
    pub(super) fn count_at(&self, level: impl Fn(Option<u32>) -> bool) -> usize {
        let entries = self.lock();
        let all = entries.all.values();
        all.filter(|entry| level(entry.state.2)).count()
    }

    /// Whether connections that have changed to another protocol are at such a level.
    pub(super) fn has_upgrades(&self, level: impl Fn(Option<u32>) -> bool) -> bool {
        let entries = self.lock();
        let mut states = entries.all.values().map(|entry| entry.state);
        states.any(|(phase, _, at)| phase == Phase::Upgraded && level(at))
    }

    fn enter(self: &Arc<Self>, entry: Entry) -> Ticket {
        let state = entry.state;
        let mut entries = self.lock();
        let number = entries.next;
        entries.next += 1;
        entries.all.insert(number, entry);
        Ticket {
            registry: Arc::clone(self),
            number,
            state,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shortened(path: &str) -> String {
    let (start, more) = match path.char_indices().nth(PATH_LIMIT) {
        Some((end, _)) => (&path[..end], "…"),
        None => (path, ""),
    };
    // A path may contain U+009B, which starts a terminal command as ESC does, and it is logged.
    format!("{}{more}", one_line(&in_path(start)))
}

/// An entry of the registry; removed when dropped.
#[derive(Debug)]
struct Ticket {
    registry: Arc<WaitingRequests>,
    number: u64,
    /// A copy of the entry's state, so that only a change takes the lock.
    state: State,
}

impl Ticket {
    fn is(&mut self, state: State) {
        if self.state == state {
            return;
        }
        self.state = state;
        if let Some(entry) = self.registry.lock().all.get_mut(&self.number) {
            entry.state = state;
        }
    }

    /// Moves the entry to another registry. The request arrived in generation `from`.
    fn moves_to(&mut self, registry: &Arc<WaitingRequests>, from: u64) {
        let entry = self.registry.lock().all.remove(&self.number);
        if let Some(entry) = entry {
            let from = entry.from.or(Some(from));
            *self = registry.enter(Entry { from, ..entry });
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.registry.lock().all.remove(&self.number);
    }
}

/// The name of a request in the registry, in case it waits. Dropped with the request.
#[derive(Debug)]
pub struct RequestWait(Stage);

#[derive(Debug)]
enum Stage {
    /// It has not waited yet.
    Unseen(Method, Uri),
    Seen(Ticket),
}

impl Default for RequestWait {
    fn default() -> Self {
        Self::named(Method::default(), Uri::default())
    }
}

impl RequestWait {
    /// Takes the method and the path of `request`; shares their memory.
    pub fn of<B>(request: &Request<B>) -> Self {
        Self::named(request.method().clone(), request.uri().clone())
    }

    /// For a request with this method and target.
    pub fn named(method: Method, target: Uri) -> Self {
        Self(Stage::Unseen(method, target))
    }

    /// The request goes on under another owner.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The request waits at a level of its stack, in `handler` if that is known.
    pub fn is(
        &mut self,
        registry: &Arc<WaitingRequests>,
        phase: Phase,
        handler: Option<&'static str>,
        level: Option<u32>,
    ) {
        let state = (phase, handler, level);
        match &mut self.0 {
            Stage::Seen(ticket) => ticket.is(state),
            Stage::Unseen(method, uri) => {
                let entry = Entry {
                    method: std::mem::take(method),
                    uri: std::mem::take(uri),
                    since: Instant::now(),
                    state,
                    from: None,
                    upgrade: None,
                };
                self.0 = Stage::Seen(registry.enter(entry));
            }
        }
    }

    /// The request counts for the generation of `registry` from now on. It counted for generation `from`.
    pub fn moves_to(&mut self, registry: &Arc<WaitingRequests>, from: u64) {
        if let Stage::Seen(ticket) = &mut self.0 {
            ticket.moves_to(registry, from);
        }
    }

    /// The request's connection changes to another protocol. It counts as waiting from now on.
    pub fn upgrades(
        &mut self,
        registry: &Arc<WaitingRequests>,
        record: &Arc<UpgradeRecord>,
        level: Option<u32>,
    ) {
        self.is(registry, Phase::Upgraded, None, level);
        if let Stage::Seen(ticket) = &self.0
            && let Some(entry) = registry.lock().all.get_mut(&ticket.number)
        {
            entry.upgrade = Some(Arc::clone(record));
        }
    }

    /// The request has its response; only the body is left.
    pub fn answered(&mut self) {
        if let Stage::Seen(ticket) = &mut self.0 {
            ticket.is((Phase::Body, None, ticket.state.2));
        }
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
