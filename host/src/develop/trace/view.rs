//! A trace as the inspector and the error page show it: without secrets.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use log_text::{HIDDEN, in_path, in_text, is_secret};
use serde::Serialize;

use super::request::{Answered, Finished, Head, State, Trace, Visit};

/// A request in one line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The request's number.
    pub number: u64,
    /// The generation that serves it.
    pub generation: u64,
    /// `GET`, ….
    pub method: String,
    /// Path and query, without secrets.
    pub target: String,
    /// When it arrived, in milliseconds since the Unix epoch.
    pub at: u64,
    /// None until the response.
    pub status: Option<u16>,
    /// From its start to its end, or until now.
    pub milliseconds: f64,
    /// How it ended; none while in flight.
    pub ended: Option<Finished>,
    /// The layer it is in; none after the response.
    pub handler: Option<String>,
}

/// A request with all its visits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceView {
    /// The line for lists.
    #[serde(flatten)]
    pub summary: Summary,
    /// Until the head of the response, in milliseconds.
    pub answered: Option<f64>,
    /// Its headers, as the client sent them.
    pub request: Vec<(String, String)>,
    /// The headers that were sent.
    pub response: Vec<(String, String)>,
    /// The visits, in order.
    pub visits: Vec<VisitView>,
}

/// A visit to a layer. Times in milliseconds from the request's start.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VisitView {
    /// The layer's position in the stack.
    pub slot: usize,
    /// The handler.
    pub handler: String,
    /// The visit that led to it, by its index in the list.
    pub from: Option<usize>,
    /// When it began.
    pub entered: f64,
    /// When it ended; none while it lasts.
    pub left: Option<f64>,
    /// The layer's own part of that time.
    pub own: f64,
    /// The part of the path that maps above have matched.
    pub script_name: String,
    /// The rest of the path.
    pub path_info: String,
    /// The request's headers, as the layer received them.
    pub request: Vec<(String, String)>,
    /// The env values that the layers above have set.
    pub env: Vec<(String, String)>,
    /// The status that it returned.
    pub status: Option<u16>,
    /// The headers that it returned.
    pub response: Vec<(String, String)>,
    /// Why it failed, or that its future was dropped.
    pub error: Option<String>,
}

impl Trace {
    /// The request in one line.
    pub fn summary(&self) -> Summary {
        self.summary_of(&self.state())
    }

    /// The whole trace.
    pub fn view(&self) -> TraceView {
        let state = self.state();
        let now = self.age();
        let answered = state.answered.as_ref();
        TraceView {
            summary: self.summary_of(&state),
            answered: answered.map(|answered| milliseconds(answered.at)),
            request: pairs(&self.headers),
            response: answered.map_or_else(Vec::new, |answered| pairs(&answered.headers)),
            visits: state
                .visits
                .iter()
                .map(|visit| visit_view(visit, now))
                .collect(),
        }
    }

    /// The `server-timing` header: each layer's own time so far, outermost first (W3C Server Timing §3).
    pub fn server_timing(&self) -> String {
        let state = self.state();
        let now = self.age();
        let own = state.visits.iter().map(|visit| {
            let name: String = visit.slot.handler.chars().map(token).collect();
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
            target: in_text(&self.uri.to_string()).into_owned(),
            at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            status: state.answered.as_ref().map(status),
            milliseconds: milliseconds(time),
            ended,
            handler: innermost.map(|visit| visit.slot.handler.clone()),
        }
    }
}

fn status(answered: &Answered) -> u16 {
    answered.status.as_u16()
}

fn visit_view(visit: &Visit, now: Duration) -> VisitView {
    let (status, response, error) = match &visit.response {
        Some(Head::Response(status, headers)) => (Some(status.as_u16()), pairs(headers), None),
        Some(Head::Failed(status, why)) => (Some(status.as_u16()), Vec::new(), Some(why.clone())),
        Some(Head::Dropped) => (None, Vec::new(), Some("cancelled".to_owned())),
        None => (None, Vec::new(), None),
    };
    VisitView {
        slot: visit.slot.position,
        handler: visit.slot.handler.clone(),
        from: visit.from,
        entered: milliseconds(visit.entered),
        left: visit.left.map(milliseconds),
        own: milliseconds(own(visit, now)),
        script_name: in_path(&visit.request.script_name).into_owned(),
        path_info: in_path(&visit.request.path_info).into_owned(),
        request: pairs(&visit.request.headers),
        env: visit.request.env.iter().map(shown).collect(),
        status,
        response,
        error,
    }
}

/// The time in the layer itself so far. The time of the layers below is known once they have returned.
fn own(visit: &Visit, now: Duration) -> Duration {
    let whole = visit.left.unwrap_or(now).saturating_sub(visit.entered);
    whole.saturating_sub(visit.below)
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let pair = |(name, value): (&http::HeaderName, _)| (name.to_string(), text(value));
    headers.iter().map(|field| shown(&pair(field))).collect()
}

/// A header or a value of the env, without its secrets.
fn shown((name, value): &(String, String)) -> (String, String) {
    let value = match is_secret(name) {
        true => HIDDEN.to_owned(),
        false => in_text(value).into_owned(),
    };
    (name.clone(), value)
}

/// Replaces what a name in `server-timing` may not contain (RFC 9110 §5.6.2).
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
