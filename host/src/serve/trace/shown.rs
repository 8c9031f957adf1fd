//! A trace as it is shown.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use serde::Serialize;

use super::trace::{Answered, Finished, Head, State, Trace, Visit};

/// A request on one line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Names it.
    pub number: u64,
    /// The generation that serves it.
    pub generation: u64,
    /// `GET`, ….
    pub method: String,
    /// Path and query.
    pub target: String,
    /// When it came, in milliseconds since the Unix epoch.
    pub at: u64,
    /// None while there is no response.
    pub status: Option<u16>,
    /// Until its end; until now if it has none yet.
    pub milliseconds: f64,
    /// How it ended; none while it goes on.
    pub ended: Option<Finished>,
    /// The layer it is in; none once it is answered.
    pub handler: Option<String>,
}

/// A request with all its visits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// In short.
    #[serde(flatten)]
    pub summary: Summary,
    /// Until the head of the response, in milliseconds.
    pub answered: Option<f64>,
    /// Its headers as they came.
    pub request: Vec<(String, String)>,
    /// The headers that went out.
    pub response: Vec<(String, String)>,
    /// Layer by layer, in the order in which it came to them.
    pub visits: Vec<Visited>,
}

/// A layer's part. Times in milliseconds from the request's beginning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Visited {
    /// The seat's number.
    pub seat: usize,
    /// Who sits there.
    pub handler: String,
    /// The visit that it came from, by its place in the list.
    pub from: Option<usize>,
    /// When it came.
    pub entered: f64,
    /// When it had answered; none while it works.
    pub left: Option<f64>,
    /// Of that time, its own.
    pub own: f64,
    /// What the maps above had taken of the path.
    pub script_name: String,
    /// What they had left of it.
    pub path_info: String,
    /// As it was given them.
    pub request: Vec<(String, String)>,
    /// What the layers above had set.
    pub env: Vec<(String, String)>,
    /// What it returned.
    pub status: Option<u16>,
    /// As it returned them.
    pub response: Vec<(String, String)>,
    /// Why it failed, or that nobody waited for it.
    pub error: Option<String>,
}

impl Trace {
    /// On one line.
    pub fn summary(&self) -> Summary {
        self.summary_of(&self.state())
    }

    /// All of it.
    pub fn shown(&self) -> Shown {
        let state = self.state();
        let now = self.age();
        let answered = state.answered.as_ref();
        Shown {
            summary: self.summary_of(&state),
            answered: answered.map(|answered| milliseconds(answered.at)),
            request: pairs(&self.headers),
            response: answered.map_or_else(Vec::new, |answered| pairs(&answered.headers)),
            visits: state
                .visits
                .iter()
                .map(|visit| visited(visit, now))
                .collect(),
        }
    }

    /// Each layer's own time so far, outermost first, as `server-timing` has it
    /// (W3C Server Timing §3).
    pub fn server_timing(&self) -> String {
        let state = self.state();
        let now = self.age();
        let own = state.visits.iter().map(|visit| {
            let name: String = visit.seat.handler.chars().map(token).collect();
            format!("{name};dur={:.3}", milliseconds(own(visit, now)))
        });
        let mut all: Vec<_> = own.collect();
        all.push(format!("total;dur={:.3}", milliseconds(now)));
        all.join(", ")
    }

    fn summary_of(&self, state: &State) -> Summary {
        let at = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let works = |visit: &&Visit| visit.left.is_none() && state.answered.is_none();
        let innermost = state.visits.iter().rev().find(works);
        let (time, ended) = match state.ended {
            Some((time, how)) => (time, Some(how)),
            None => (self.age(), None),
        };
        Summary {
            number: self.number,
            generation: self.generation,
            method: self.method.to_string(),
            target: self.uri.to_string(),
            at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            status: state.answered.as_ref().map(status),
            milliseconds: milliseconds(time),
            ended,
            handler: innermost.map(|visit| visit.seat.handler.clone()),
        }
    }
}

fn status(answered: &Answered) -> u16 {
    answered.status.as_u16()
}

fn visited(visit: &Visit, now: Duration) -> Visited {
    let (status, response, error) = match &visit.response {
        Some(Head::Response(status, headers)) => (Some(status.as_u16()), pairs(headers), None),
        Some(Head::Failed(status, why)) => (Some(status.as_u16()), Vec::new(), Some(why.clone())),
        Some(Head::Dropped) => (None, Vec::new(), Some("nobody waited for it".to_owned())),
        None => (None, Vec::new(), None),
    };
    Visited {
        seat: visit.seat.number,
        handler: visit.seat.handler.clone(),
        from: visit.from,
        entered: milliseconds(visit.entered),
        left: visit.left.map(milliseconds),
        own: milliseconds(own(visit, now)),
        script_name: visit.request.script_name.clone(),
        path_info: visit.request.path_info.clone(),
        request: pairs(&visit.request.headers),
        env: visit.request.env.clone(),
        status,
        response,
        error,
    }
}

/// The time in the layer itself, so far. What the layers below take is known when they have answered.
fn own(visit: &Visit, now: Duration) -> Duration {
    let whole = visit.left.unwrap_or(now).saturating_sub(visit.entered);
    whole.saturating_sub(visit.below)
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let pair = |(name, value): (&http::HeaderName, _)| (name.to_string(), text(value));
    headers.iter().map(pair).collect()
}

/// What may stand in a name of `server-timing` (RFC 9110 §5.6.2).
fn token(char: char) -> char {
    match char {
        '#' => '-',
        _ if char.is_ascii_alphanumeric() || "!$%&'*+-.^_`|~".contains(char) => char,
        _ => '-',
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
