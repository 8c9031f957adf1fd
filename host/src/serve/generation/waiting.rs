//! The requests of a generation that wait: what holds it when it drains.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::{Method, Request, Uri};
use log_text::{in_path, one_line};
use serde::Serialize;

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
}

/// Where a request waits.
type State = (Phase, Option<&'static str>);

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The response.
    Request,
    /// The end of the response's body.
    Body,
}

/// A request that waits, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitingRequest {
    /// `GET`, ….
    pub method: String,
    /// The path without its query, which may have secrets; a long one is cut.
    pub path: String,
    /// How long ago its first wait began.
    pub seconds: f64,
    /// What it waits for.
    pub phase: Phase,
    /// The handler that it waits in, if known.
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
            Phase::Body => "sending its body",
        };
        write!(f, ", {what} for {:.1} s", self.seconds)
    }
}

impl WaitingRequests {
    /// All that wait now, the oldest first.
    pub fn requests(&self, now: Instant) -> Vec<WaitingRequest> {
        let entries = self.lock();
        let shown = entries.all.values().map(|entry| WaitingRequest {
            method: entry.method.to_string(),
            path: shortened(entry.uri.path()),
            seconds: now.saturating_duration_since(entry.since).as_secs_f64(),
            phase: entry.state.0,
            handler: entry.state.1.map(str::to_owned),
        });
        shown.collect()
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
        let none = Stage::Unseen(Method::default(), Uri::default());
        Self(std::mem::replace(&mut self.0, none))
    }

    /// The request waits, in `handler` if that is known.
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

    /// The request has its response; only the body is left.
    pub fn answered(&mut self) {
        if let Stage::Seen(ticket) = &mut self.0 {
            ticket.is((Phase::Body, None));
        }
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
