//! The trace of one request: its visits to the layers, down and back up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method, StatusCode, Uri};
use stackup_plugin::abi::host::{Connection, HostRequest, Outcome};

use crate::develop::lint::RequestCheck;
use crate::serve::observe;
use crate::serve::stack::LayerSlot;

/// The trace of a request, from its first byte to its last.
#[derive(Debug)]
pub struct Trace {
    /// Counts from 1 in each process.
    pub number: u64,
    /// The generation that serves it.
    pub generation: u64,
    /// Its method.
    pub method: Method,
    /// Its target.
    pub uri: Uri,
    /// Its headers, as the client sent them.
    pub headers: HeaderMap,
    /// Who sent it.
    pub client: Connection,
    /// Whether it has a body.
    pub has_body: bool,
    /// When it arrived.
    pub at: SystemTime,
    /// The checks of its layers, with `[dev] lint`.
    pub lint: Option<Arc<RequestCheck>>,
    began: Instant,
    state: Mutex<State>,
}

/// What has happened so far; times count from the request's start.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) visits: Vec<Visit>,
    /// The innermost visit still open.
    innermost: Option<usize>,
    pub(super) answered: Option<Answered>,
    pub(super) ended: Option<(Duration, Finished)>,
}

/// One visit to a layer.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) slot: Arc<LayerSlot>,
    /// The visit that led to it.
    pub(super) from: Option<usize>,
    pub(super) entered: Duration,
    pub(super) left: Option<Duration>,
    /// Time in the layers below.
    pub(super) below: Duration,
    /// Whether a layer below has failed: an error of this layer is then not its own.
    pub(super) failed_below: bool,
    /// The request as the layer received it.
    pub(super) request: Asked,
    pub(super) response: Option<Head>,
}

/// The head of a request at one layer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) script_name: String,
    pub(super) path_info: String,
    pub(super) headers: HeaderMap,
    pub(super) env: Vec<(String, String)>,
}

/// What a layer returned.
#[derive(Debug)]
pub(super) enum Head {
    Response(StatusCode, HeaderMap),
    Failed(StatusCode, String),
    /// Its future was dropped.
    Dropped,
}

/// The head that went to the client.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) at: Duration,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

/// How a request was answered, from its first byte to its last.
#[derive(Debug, Clone)]
pub struct WholeAnswer {
    /// The status that was sent.
    pub status: StatusCode,
    /// The headers that were sent.
    pub headers: HeaderMap,
    /// The time until the last byte.
    pub took: Duration,
    /// Whether no layer made a response: the host did.
    pub failed: bool,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finished {
    /// With the last byte of its response.
    Complete,
    /// The client left, or a body failed.
    Broken,
}

impl Trace {
    /// Starts the trace of a request that arrives now.
    pub fn begin(
        number: u64,
        generation: u64,
        head: observe::Head<'_>,
        client: Connection,
    ) -> Self {
        Self {
            number,
            generation,
            method: head.method.clone(),
            uri: head.uri.clone(),
            headers: head.headers.clone(),
            has_body: head.has_body,
            client,
            at: SystemTime::now(),
            lint: None,
            began: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// Has `check` check the layers.
    #[must_use]
    pub fn checked(self, check: RequestCheck) -> Self {
        let lint = Some(Arc::new(check));
        Self { lint, ..self }
    }

    /// The request reaches a layer. The returned guard notes how it leaves, at the latest when it is dropped.
    pub fn enter(self: Arc<Self>, slot: &Arc<LayerSlot>, request: &HostRequest) -> Visiting {
        let request = Asked {
            script_name: request.script_name().to_owned(),
            path_info: request.path_info().to_owned(),
            headers: request.headers().clone(),
            env: request.env().to_vec(),
        };
        let entered = self.began.elapsed();
        let mut state = self.state();
        let (place, from) = (state.visits.len(), state.innermost);
        state.visits.push(Visit {
            slot: Arc::clone(slot),
            from,
            entered,
            left: None,
            below: Duration::ZERO,
            failed_below: false,
            request,
            response: None,
        });
        state.innermost = Some(place);
        drop(state);
        Visiting { trace: self, place }
    }

    /// The response's head is sent.
    pub fn answered(&self, status: StatusCode, headers: &HeaderMap) {
        let at = self.began.elapsed();
        self.state().answered = Some(Answered {
            at,
            status,
            headers: headers.clone(),
        });
    }

    /// The request has ended. Only the first call counts.
    pub fn ended(&self, how: Finished) {
        let at = self.began.elapsed();
        self.state().ended.get_or_insert((at, how));
        if let Some(check) = &self.lint {
            check.ended();
        }
    }

    /// How it was answered, once all of that is sent; none if it broke.
    pub fn whole_answer(&self) -> Option<WholeAnswer> {
        let state = self.state();
        let (took, how) = state.ended?;
        let answered = state.answered.as_ref();
        let answered = answered.filter(|_| how == Finished::Complete)?;
        let outermost = state.visits.iter().rfind(|visit| visit.from.is_none());
        let outermost = outermost.and_then(|visit| visit.response.as_ref());
        Some(WholeAnswer {
            status: answered.status,
            headers: answered.headers.clone(),
            took,
            failed: matches!(outermost, Some(Head::Failed(..))),
        })
    }

    /// The time since it arrived.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, place: usize, head: Head) {
        let now = self.began.elapsed();
        let mut state = self.state();
        let Some(visit) = state.visits.get_mut(place) else {
            return;
        };
        if visit.left.is_some() {
            return;
        }
        visit.left = Some(now);
        let failed = matches!(head, Head::Failed(..));
        visit.response = Some(head);
        let whole = now.saturating_sub(visit.entered);
        let own = whole.saturating_sub(visit.below);
        visit.slot.count(own, failed && !visit.failed_below);
        let from = visit.from;
        state.innermost = from;
        if let Some(above) = from.and_then(|from| state.visits.get_mut(from)) {
            above.below += whole;
            above.failed_below |= failed;
        }
    }
}

/// Guards a visit until the layer returns.
#[derive(Debug)]
pub struct Visiting {
    trace: Arc<Trace>,
    place: usize,
}

impl Visiting {
    /// The layer has returned.
    pub fn leave(self, outcome: &Outcome) {
        let head = match outcome {
            Ok(response) => Head::Response(response.status(), response.headers().clone()),
            Err(failure) => Head::Failed(failure.status, failure.to_string()),
        };
        self.trace.leave(self.place, head);
    }
}

impl Drop for Visiting {
    fn drop(&mut self) {
        // No effect after `leave`.
        self.trace.leave(self.place, Head::Dropped);
    }
}
