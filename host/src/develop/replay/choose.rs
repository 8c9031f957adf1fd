//! Which of the recorded requests are played.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use log_text::in_text;

use super::request::ReplayRequest;
use crate::develop::trace::WholeAnswer;

/// How many requests are played at the most.
pub(super) const MOST: usize = 20;

/// A request whose answer took longer is not played.
const QUICK: Duration = Duration::from_secs(1);

/// The requests to play: the newest of each kind, from `seen`, the newest first.
pub(super) fn choose(
    seen: impl Iterator<Item = (ReplayRequest, WholeAnswer)>,
) -> Vec<ReplayRequest> {
    let mut chosen: Vec<ReplayRequest> = Vec::new();
    let mut kinds = Vec::new();
    for (request, answer) in seen {
        if chosen.len() == MOST {
            break;
        }
        if !may_play(&request, &answer) {
            continue;
        }
        let kind = Kind::of(&request, &answer.headers);
        if !kinds.contains(&kind) {
            kinds.push(kind);
            chosen.push(request);
        }
    }
    chosen
}

/// Whether a request may be sent again without its client.
fn may_play(request: &ReplayRequest, answer: &WholeAnswer) -> bool {
    let is_safe = matches!(request.method, Method::GET | Method::HEAD);
    let target = request.uri.to_string();
    // Whoever has such a link may often use it once only.
    let has_secret = in_text(&target) != target;
    is_safe
        && !request.has_body
        && !has_secret
        && !request.headers.contains_key(header::UPGRADE)
        && !answer.status.is_informational()
        && answer.status != StatusCode::SWITCHING_PROTOCOLS
        && answer.took <= QUICK
        && !is_event_stream(&request.headers, header::ACCEPT)
        && !is_event_stream(&answer.headers, header::CONTENT_TYPE)
}

fn is_event_stream(headers: &HeaderMap, name: header::HeaderName) -> bool {
    let value = headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value.trim_start().starts_with("text/event-stream")
}

/// Requests of one kind ask for the same: of them only the newest is played.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    method: Method,
    target: String,
    /// The fields of the request that choose among answers, each with its values.
    fields: Vec<(String, Vec<Vec<u8>>)>,
}

impl Kind {
    /// By the response's `vary` (RFC 9110 §12.5.5). A cookie changes often, and the newest is the one that is good.
    fn of(request: &ReplayRequest, answer: &HeaderMap) -> Self {
        let vary = answer.get_all(header::VARY).iter();
        let named = vary.filter_map(|value| value.to_str().ok());
        let named = named.flat_map(|names| names.split(','));
        let named = named.map(|name| name.trim().to_ascii_lowercase());
        let mut names: Vec<String> = named.collect();
        names.push(header::HOST.to_string());
        names.retain(|name| name != "cookie");
        names.sort();
        names.dedup();
        let values = |name: &String| {
            let all = request.headers.get_all(name).iter();
            all.map(|value| value.as_bytes().to_vec()).collect()
        };
        let fields = names
            .into_iter()
            .filter(|name| http::HeaderName::try_from(name.as_str()).is_ok())
            .map(|name| {
                let values = values(&name);
                (name, values)
            });
        Self {
            method: request.method.clone(),
            target: request.uri.to_string(),
            fields: fields.collect(),
        }
    }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
