//! How the answers of old and new code to one request differ.

use http::HeaderMap;
use serde::Serialize;

use super::answer::{Answer, Content};
use super::body_change::{BodyChange, body_change};
use super::header_change::{HeaderChange, header_changes};

/// How an old and a new answer differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The old and the new status, or what came in place of an answer. Where these differ, nothing else is compared.
    pub outcome: Option<(String, String)>,
    /// The header fields that differ.
    pub headers: Vec<HeaderChange>,
    /// How the bodies differ.
    pub body: Option<BodyChange>,
}

/// Whether two answers are the same, to the byte or nearly so: then the old code need not be asked again.
pub(super) fn are_same(before: &Answer, after: &Answer) -> bool {
    difference(before, None, after).is_none()
}

/// How `after` differs from `before`, apart from that in which `again`, a second answer of the old code, differs from it.
pub(super) fn difference(
    before: &Answer,
    again: Option<&Answer>,
    after: &Answer,
) -> Option<Difference> {
    let is_flaky = again.is_some_and(|again| again.status() != before.status());
    if is_flaky {
        return None;
    }
    if before.status() != after.status() {
        return Some(Difference {
            outcome: Some((before.outcome(), after.outcome())),
            headers: Vec::new(),
            body: None,
        });
    }
    let (old, new) = (response(before)?, response(after)?);
    let again = again.and_then(response);
    let body = body_change(old.1, again.map(|(_, content)| content), new.1);
    let differs = old.1.bytes != new.1.bytes;
    let headers = header_changes(old.0, again.map(|(headers, _)| headers), new.0, differs);
    (body.is_some() || !headers.is_empty()).then_some(Difference {
        outcome: None,
        headers,
        body,
    })
}

fn response(answer: &Answer) -> Option<(&HeaderMap, &Content)> {
    match answer {
        Answer::Response {
            headers, content, ..
        } => Some((headers, content)),
        Answer::Failed { .. } | Answer::Late(_) => None,
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
