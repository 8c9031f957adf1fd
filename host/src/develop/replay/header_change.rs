//! Header fields that differ.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, header};
use log_text::{HIDDEN, in_text, is_secret, printable};
use serde::Serialize;

use super::masks::masked;

/// A field of the response that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeaderChange {
    /// Its name.
    pub name: String,
    /// What has happened to it.
    pub mark: Mark,
    /// Its values in the old answer, without secrets.
    pub before: Vec<String>,
    /// Its values in the new answer, without secrets.
    pub after: Vec<String>,
}

/// What has happened to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Mark {
    /// Only the new answer has it.
    #[serde(rename = "+")]
    Added,
    /// Only the old answer has it.
    #[serde(rename = "-")]
    Removed,
    /// Its values differ.
    #[serde(rename = "~")]
    Changed,
}

impl Mark {
    /// The sign in the log.
    pub(super) fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '−',
            Self::Changed => '~',
        }
    }
}

/// Fields whose values say when and how fast.
const TIMES: [&str; 4] = ["age", "date", "server-timing", "x-runtime"];

/// Fields whose values follow from the body.
const OF_BODY: [HeaderName; 3] = [header::CONTENT_LENGTH, header::ETAG, header::LAST_MODIFIED];

/// The fields that differ between an old and a new answer, by name. `again` is a second answer of the old code. Values that follow from
/// the body do not count where that `body_differs`.
pub(super) fn header_changes(
    before: &HeaderMap,
    again: Option<&HeaderMap>,
    after: &HeaderMap,
    body_differs: bool,
) -> Vec<HeaderChange> {
    let names: BTreeSet<&str> = before
        .keys()
        .chain(after.keys())
        .map(HeaderName::as_str)
        .collect();
    let sent = names.into_iter().filter(|name| is_sent(name));
    let changes = sent.filter_map(|name| {
        let (old, new) = (values(before, name), values(after, name));
        let mark = match (old.is_empty(), new.is_empty()) {
            (true, _) => Mark::Added,
            (_, true) => Mark::Removed,
            _ if TIMES.contains(&name) || body_differs && OF_BODY.iter().any(|one| one == name) => {
                return None;
            }
            _ => Mark::Changed,
        };
        let again = again.map(|again| values(again, name));
        let is_stable = match (&again, mark) {
            (Some(again), Mark::Changed) => differs(&old, again, &new),
            (Some(again), Mark::Removed) => !again.is_empty(),
            (Some(again), Mark::Added) => again.is_empty(),
            (None, _) => old != new,
        };
        is_stable.then(|| HeaderChange {
            name: name.to_owned(),
            mark,
            before: shown(name, &old),
            after: shown(name, &new),
        })
    });
    changes.collect()
}

/// Whether `after` differs from `before` in what does not differ from `again`.
fn differs(before: &[String], again: &[String], after: &[String]) -> bool {
    let (old, new) = masked(&before.join("\n"), &again.join("\n"), &after.join("\n"));
    old != new
}

/// Whether the server sends such a field (SPEC R31).
fn is_sent(name: &str) -> bool {
    name != "transfer-encoding" && !name.starts_with("rack.")
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.get_all(name).iter().map(text).collect()
}

fn shown(name: &str, values: &[String]) -> Vec<String> {
    let shown = |value: &String| match is_secret(name) {
        true => HIDDEN.to_owned(),
        false => printable(&in_text(value)).into_owned(),
    };
    values.iter().map(shown).collect()
}
