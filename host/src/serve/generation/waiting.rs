//! The requests of a generation that wait: who holds it, should it have to end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::{Method, Request, Uri};
use serde::Serialize;

use crate::load::manifest::words::printable;

/// As much of a path is told.
const PATH_LIMIT: usize = 100;

/// A registry of requests. One that is answered at once is never in it.
#[derive(Debug, Default)]
pub struct WaitingRequests(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// Numbers are never used again, so the entries are in the order in which they came.
    next: u64,
    all: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    method: Method,
    uri: Uri,
    since: Instant,
    state: State,
}

/// What a request waits for.
type State = (Phase, Option<&'static str>);

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// There is no response yet.
    Request,
    /// The response's body is not at its end.
    Body,
}

/// A request that waits, for a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitingRequest {
    /// `GET`, ….
    pub method: String,
    /// The path without its query, which may hold secrets; a long one is cut.
    pub path: String,
    /// Since its first wait.
    pub seconds: f64,
    /// How far it has come.
    pub phase: Phase,
    /// The handler it waits in, where that is known.
    pub handler: Option<String>,
}

impl fmt::Display for WaitingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if let Some(handler) = &self.handler {
            write!(f, " in `{handler}`")?;
        }
        let what = match self.phase {
            Phase::Request => "waiting",
            Phase::Body => "with its body under way",
        };
        write!(f, ", {what} for {:.1} s", self.seconds)
    }
}

impl WaitingRequests {
    /// All that wait now, the oldest first.
    pub fn requests(&self, now: Instant) -> Vec<WaitingRequest> {
        let entries = self.lock();
        let told = entries.all.values().map(|entry| WaitingRequest {
            method: entry.method.to_string(),
            path: shortened(entry.uri.path()),
            seconds: now.saturating_duration_since(entry.since).as_secs_f64(),
            phase: entry.state.0,
            handler: entry.state.1.map(str::to_owned),
        });
        told.collect()
    }

    fn enter(self: &Arc<Self>, method: Method, uri: Uri, state: State) -> Ticket {
        let mut entries = self.lock();
        let number = entries.next;
        entries.next += 1;
        let entry = Entry {
            method,
            uri,
            since: Instant::now(),
            state,
        };
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
    // A path may hold U+009B, which begins commands to a terminal as escape does; and it is logged.
    format!("{}{more}", printable(start))
}

/// A place in the registry; gone when dropped.
#[derive(Debug)]
struct Ticket {
    registry: Arc<WaitingRequests>,
    number: u64,
    /// As the registry has it, so that only a change takes its lock.
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
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.registry.lock().all.remove(&self.number);
    }
}

/// What a request is called should it wait; dropped with it, however it ends.
#[derive(Debug)]
pub struct RequestWait(Stage);

#[derive(Debug)]
enum Stage {
    /// It never had to.
    Unseen(Method, Uri),
    Seen(Ticket),
}

impl RequestWait {
    /// The name of `request`; shares its memory.
    pub fn of<B>(request: &Request<B>) -> Self {
        Self(Stage::Unseen(
            request.method().clone(),
            request.uri().clone(),
        ))
    }

    /// It waits, in `handler` where that is known.
    pub fn is(
        &mut self,
        registry: &Arc<WaitingRequests>,
        phase: Phase,
        handler: Option<&'static str>,
    ) {
        let state = (phase, handler);
        match &mut self.0 {
            Stage::Seen(ticket) => ticket.is(state),
            Stage::Unseen(method, uri) => {
                let (method, uri) = (std::mem::take(method), std::mem::take(uri));
                self.0 = Stage::Seen(registry.enter(method, uri, state));
            }
        }
    }

    /// It has its response; what is left is the body.
    pub fn answered(&mut self) {
        if let Stage::Seen(ticket) = &mut self.0 {
            ticket.is((Phase::Body, None));
        }
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
