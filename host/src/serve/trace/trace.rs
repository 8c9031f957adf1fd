//! One request: its visits to the layers, down and back up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method, StatusCode, Uri};
use stackup_plugin::abi::host::{HostRequest, Outcome};

use super::seat::Seat;
use crate::develop::lint::Case;

/// A request that is watched, from its first byte to its last.
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
    /// Its headers as they came.
    pub headers: HeaderMap,
    /// When it came.
    pub at: SystemTime,
    /// What looks at its layers, if anything does.
    pub lint: Option<Arc<Case>>,
    began: Instant,
    state: Mutex<State>,
}

/// What is known of a request so far; times count from its beginning.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) visits: Vec<Visit>,
    /// The innermost visit that has not ended.
    innermost: Option<usize>,
    pub(super) answered: Option<Answered>,
    pub(super) ended: Option<(Duration, Finished)>,
}

/// One layer's part.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) seat: Arc<Seat>,
    /// The visit that it came from.
    pub(super) from: Option<usize>,
    pub(super) entered: Duration,
    pub(super) left: Option<Duration>,
    /// Time in the layers below.
    pub(super) below: Duration,
    /// Whether a layer below has failed, so that this one passes on what is not its own.
    pub(super) failed_below: bool,
    /// As the layer was given it.
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
    /// Nobody waited for it any longer.
    Dropped,
}

/// What went to the client.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) at: Duration,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
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
    /// The trace of a request that comes now.
    pub fn begin(
        number: u64,
        generation: u64,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
    ) -> Self {
        Self {
            number,
            generation,
            method,
            uri,
            headers,
            at: SystemTime::now(),
            lint: None,
            began: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// The same, with its layers looked at.
    #[must_use]
    pub fn checked(self, case: Case) -> Self {
        let lint = Some(Arc::new(case));
        Self { lint, ..self }
    }

    /// It comes to a layer. What is returned notes how it leaves, at the latest when it is dropped.
    pub fn enter(self: Arc<Self>, seat: &Arc<Seat>, request: &HostRequest) -> Visiting {
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
            seat: Arc::clone(seat),
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

    /// The response's head goes out.
    pub fn answered(&self, status: StatusCode, headers: &HeaderMap) {
        let at = self.began.elapsed();
        self.state().answered = Some(Answered {
            at,
            status,
            headers: headers.clone(),
        });
    }

    /// The last byte has gone, or nobody waits for it. The first to say so is heard.
    pub fn ended(&self, how: Finished) {
        let at = self.began.elapsed();
        self.state().ended.get_or_insert((at, how));
        if let Some(case) = &self.lint {
            case.ended();
        }
    }

    /// Since it came.
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
        visit.seat.count(own, failed && !visit.failed_below);
        let from = visit.from;
        state.innermost = from;
        if let Some(above) = from.and_then(|from| state.visits.get_mut(from)) {
            above.below += whole;
            above.failed_below |= failed;
        }
    }
}

/// A layer is at work on a request.
#[derive(Debug)]
pub struct Visiting {
    trace: Arc<Trace>,
    place: usize,
}

impl Visiting {
    /// The layer has answered.
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
        // Of no effect once it has left.
        self.trace.leave(self.place, Head::Dropped);
    }
}
