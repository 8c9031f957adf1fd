//! `stackup cache why`: what the cache would do with a request now, by which rule, and why it stored nothing.

use std::fmt::Write as _;

use cache_store::{Entries, Entry, Found, Records, Refusal, Target};
use http_cache::{List, RequestControl, Reuse, Timestamp};
use log_text::one_line;
use serde_json::{Value, json};

use super::text;
use crate::services::StoreReport;

/// A decision: in a word for programs, and in a sentence with its rule.
struct Decision {
    word: &'static str,
    sentence: String,
}

/// Explains a GET of `target` with these fields.
pub(super) async fn why<S: Records<Error = String>>(
    entries: &Entries<S>,
    target: &Target,
    fields: &List,
    now: Timestamp,
) -> Result<StoreReport, String> {
    let found = entries.find(target, target.key(), fields).await?;
    let refusal = entries.refusal(target).await?;
    let mut others = Vec::new();
    let stored = match found {
        Found::Entry(stored) => Some(stored.entry),
        Found::OtherVariants(_) => {
            others = variants(entries, target).await?;
            None
        }
        Found::Nothing => None,
    };
    let decision = match &stored {
        Some(entry) => with_stored(entry, fields, now),
        None => without_stored(!others.is_empty(), fields),
    };
    // What came before the stored response says nothing about the next one.
    let refusal = refusal.filter(|refusal| {
        let newer = |entry: &Entry| entry.policy.received < refusal.at;
        stored.as_ref().is_none_or(newer)
    });
    Ok(StoreReport {
        text: sentences(
            target,
            stored.as_ref(),
            &others,
            &decision,
            refusal.as_ref(),
            now,
        ),
        value: json!({
            "url": target.uri(),
            "decision": decision.word,
            "because": decision.sentence,
            "stored": stored.as_ref().map(|entry| text::facts(entry, now)),
            "variants": others.iter().map(|entry| text::facts(entry, now)).collect::<Vec<_>>(),
            "refused": refusal.as_ref().map_or(Value::Null, |refusal| json!({
                "seconds_ago": now.since(refusal.at) / 1000,
                "status": refusal.status,
                "rule": refusal.text,
                "section": refusal.section,
            })),
        }),
    })
}

fn with_stored(entry: &Entry, fields: &List, now: Timestamp) -> Decision {
    let control = RequestControl::of(fields);
    match entry.policy.reuse(&control, now) {
        Reuse::Fresh => Decision {
            word: "hit",
            sentence: "the stored response answers it: it is fresh (RFC 9111 §4.2)".to_owned(),
        },
        Reuse::Stale(because) => Decision {
            word: "stale-hit",
            sentence: format!("the stored response answers it although it is stale: {}", because.rule()),
        },
        Reuse::StaleWhileRevalidate => Decision {
            word: "stale-hit",
            sentence: "the stored response answers it although it is stale, while another request validates it: stale-while-revalidate (RFC 5861 §3)".to_owned(),
        },
        Reuse::Validate(because) => Decision {
            word: "validate",
            sentence: format!("the stored response is validated first: {}", because.rule()),
        },
        Reuse::GatewayTimeout(because) => Decision {
            word: "gateway-timeout",
            sentence: format!("504, since the client wants a stored response only (RFC 9111 §5.2.1.7), and this one must be validated: {}", because.rule()),
        },
    }
}

fn without_stored(has_variants: bool, fields: &List) -> Decision {
    if RequestControl::of(fields).only_if_cached {
        return Decision {
            word: "gateway-timeout",
            sentence:
                "504: nothing fits, and the client wants a stored response only (RFC 9111 §5.2.1.7)"
                    .to_owned(),
        };
    }
    let sentence = match has_variants {
        true => {
            "it goes down: what is stored is for other values of the fields in Vary (RFC 9111 §4.1)"
        }
        false => "it goes down: nothing is stored for it",
    };
    Decision {
        word: "miss",
        sentence: sentence.to_owned(),
    }
}

/// All that is stored for a target.
async fn variants<S: Records<Error = String>>(
    entries: &Entries<S>,
    target: &Target,
) -> Result<Vec<Entry>, String> {
    let mut listing = entries.listing();
    let mut found = Vec::new();
    while let Some(page) = listing.next_page().await? {
        let all = page.into_iter().map(|listed| listed.entry);
        found.extend(all.filter(|entry| entry.target() == target.uri()));
    }
    Ok(found)
}

fn sentences(
    target: &Target,
    stored: Option<&Entry>,
    others: &[Entry],
    decision: &Decision,
    refusal: Option<&Refusal>,
    now: Timestamp,
) -> String {
    let mut text = format!("GET {}\n", one_line(target.uri()));
    let _ = writeln!(text, "  now: {}", decision.sentence);
    if let Some(entry) = stored {
        let length = entry.content.length();
        let _ = write!(text, "  stored: {}, {length} bytes", entry.status);
        if let Some(variant) = text::variant(entry) {
            let _ = write!(text, ", for {variant}");
        }
        let _ = writeln!(text, ", {} s old", entry.policy.age_seconds(now));
        let (state, source) = (text::freshness(entry, now), text::lifetime_source(entry));
        let _ = writeln!(text, "  freshness: {state}; {source}");
        let _ = writeln!(text, "  then: {}", text::validators(entry));
        let groups: Vec<_> = entry.groups().map(one_line).collect();
        if !groups.is_empty() {
            let _ = writeln!(text, "  groups: {}", groups.join(", "));
        }
    }
    for entry in others {
        let (variant, state) = (text::variant(entry), text::freshness(entry, now));
        let _ = writeln!(
            text,
            "  stored: for {}, {state}",
            variant.unwrap_or_default()
        );
    }
    if let Some(refusal) = refusal {
        let (
            ago,
            Refusal {
                status,
                section,
                text: rule,
                ..
            },
        ) = (now.since(refusal.at) / 1000, refusal);
        let _ = writeln!(
            text,
            "  not stored: the response of {ago} s ago, with status {status}: {rule} ({section})"
        );
    }
    text.truncate(text.trim_end().len());
    text
}
