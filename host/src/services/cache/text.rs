//! What people read.

use std::fmt::Write as _;

use cache_store::Entry;
use http_cache::{Fields, LifetimeSource, Timestamp, Validators};
use log_text::{HIDDEN, is_secret, one_line};
use serde_json::{Value, json};

use super::PurgeTarget;
use crate::services::StoreReport;

/// A table of stored responses.
pub(super) fn list(entries: &[Entry], more: bool, namespace: &str, now: Timestamp) -> StoreReport {
    let mut text = String::new();
    for entry in entries {
        let size = format!("{} bytes", entry.content.length());
        let age = format!("age {} s", entry.policy.age_seconds(now));
        let state = freshness(entry, now);
        let uri = one_line(entry.target());
        let _ = write!(
            text,
            "{}  {size:>14}  {age:>10}  {state:<22}  {uri}",
            entry.status
        );
        if let Some(variant) = variant(entry) {
            let _ = write!(text, "  ({variant})");
        }
        text.push('\n');
    }
    if entries.is_empty() {
        let _ = writeln!(
            text,
            "no responses in the namespace `{namespace}` of the store (`--namespace` names another one; `stackup store list` lists them)"
        );
    }
    if more {
        let _ = writeln!(
            text,
            "\nmore follow: `--prefix` lists those whose URLs begin alike"
        );
    }
    text.truncate(text.trim_end().len());
    let responses: Vec<_> = entries.iter().map(|entry| facts(entry, now)).collect();
    let value = json!({ "responses": responses, "more": more });
    StoreReport { text, value }
}

/// The facts about a stored response, for programs.
pub(super) fn facts(entry: &Entry, now: Timestamp) -> Value {
    let variant: Vec<_> = entry.variant().map(shown_field).collect();
    let groups: Vec<_> = entry.groups().collect();
    json!({
        "url": entry.target(),
        "variant": variant,
        "status": entry.status,
        "bytes": entry.content.length(),
        "age": entry.policy.age_seconds(now),
        "ttl": entry.policy.time_to_live(now),
        "kept": entry.expires.since(now) / 1000,
        "groups": groups,
    })
}

/// `fresh for 48 s`.
pub(super) fn freshness(entry: &Entry, now: Timestamp) -> String {
    let policy = &entry.policy;
    if policy.no_cache {
        return "validated each time".to_owned();
    }
    match policy.is_fresh(now) {
        true => format!("fresh for {} s", policy.time_to_live(now)),
        false => format!("stale for {} s", policy.staleness(now) / 1000),
    }
}

/// The fields that selected it.
pub(super) fn variant(entry: &Entry) -> Option<String> {
    let fields: Vec<_> = entry.variant().map(shown_field).collect();
    (!fields.is_empty()).then(|| fields.join("; "))
}

/// A field of a request, without a secret.
fn shown_field(field: &str) -> String {
    let name = field.split(':').next().unwrap_or_default();
    match is_secret(name) || name == "cookie" {
        true => format!("{name}: {HIDDEN}"),
        false => one_line(field).into_owned(),
    }
}

/// What says how long it is fresh, with its paragraph.
pub(super) fn lifetime_source(entry: &Entry) -> &'static str {
    match entry.policy.lifetime.source {
        LifetimeSource::SMaxage => "by s-maxage (RFC 9111 §5.2.2.10)",
        LifetimeSource::MaxAge => "by max-age (RFC 9111 §5.2.2.1)",
        LifetimeSource::Expires => "by Expires (RFC 9111 §5.3)",
        LifetimeSource::Heuristic => "a guess by Last-Modified (RFC 9111 §4.2.2)",
        LifetimeSource::Nothing => "it does not say for how long it is fresh (RFC 9111 §4.2.1)",
    }
}

/// How it can be validated.
pub(super) fn validators(entry: &Entry) -> &'static str {
    match Validators::of(entry).is_empty() {
        true => "it has no validator: a request for it once it is stale gets a new response",
        false if entry.has("etag") => "it is validated by its ETag",
        false => "it is validated by its Last-Modified",
    }
}

/// How many responses were purged.
pub(super) fn purged(count: u64, soft: bool, what: &PurgeTarget) -> String {
    let what = match what {
        PurgeTarget::Uri(uri) => format!("for {}", one_line(uri)),
        PurgeTarget::Prefix(prefix) => format!("for {}…", one_line(prefix)),
        PurgeTarget::Group(group) => format!("of the group \"{}\"", one_line(group)),
    };
    match (count, soft) {
        (0, _) => format!("nothing is stored {what}"),
        (1, false) => format!("1 response purged {what}"),
        (count, false) => format!("{count} responses purged {what}"),
        (1, true) => format!("1 response marked stale {what}"),
        (count, true) => format!("{count} responses marked stale {what}"),
    }
}
