//! The cases of `tests/caching/`: each file is a story with a clock.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;
use stackup_plugin::testing::block_on;
use stackup_plugin::{Error, Value};

use super::*;
use crate::clock;

/// When each story begins: Tue, 14 Nov 2023 22:13:20 GMT.
const BEGIN: i64 = 1_700_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// The config of the cache.
    #[serde(default)]
    config: Option<Json>,
    step: Vec<Step>,
}

/// A request, and what must come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Seconds since the beginning; as before if it is left out.
    at: Option<f64>,
    /// `GET /x`, and header lines.
    request: Vec<String>,
    /// The status of the layers below, header lines, and after an empty line the body. Without it they must not be asked.
    origin: Option<Vec<String>>,
    /// They fail with an error of this status.
    fails: Option<u16>,
    /// Header lines that they must get; with a `!`, names that they must not.
    #[serde(default)]
    asked: Vec<String>,
    /// Status, header lines, and body of the response; with a `!`, names that it must not have.
    response: Vec<String>,
    /// The whole `cache-status`, without the cache's name.
    cache: Option<String>,
}

#[test]
fn stories_come_true() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/caching");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    assert!(files.len() > 10, "{files:?}");
    let mut failures = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file");
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let story: Story = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Each thread has a store and a clock of its own.
        let told = std::thread::spawn(move || tell(story)).join();
        let told = told.unwrap_or_else(|_| vec!["it panicked".to_owned()]);
        failures.extend(told.into_iter().map(|failure| format!("{name}: {failure}")));
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

fn tell(story: Story) -> Vec<String> {
    let cache = cache(story.config.unwrap_or(json!({})));
    let store = testing::store();
    let mut now = 0.0;
    let mut failures = Vec::new();
    for (number, step) in (1..).zip(story.step) {
        let at = step.at.unwrap_or(now);
        store.advance(Duration::from_secs_f64(at - now));
        now = at;
        #[expect(clippy::cast_possible_truncation, reason = "a few days at most")]
        clock::test::set(BEGIN * 1000 + (at * 1000.0) as i64);
        let what = step.request.join(", ");
        let wrong = block_on(play(&cache, step));
        failures.extend(
            wrong
                .iter()
                .map(|wrong| format!("step {number} ({what}): {wrong}")),
        );
    }
    failures
}

async fn play(cache: &Mounted, step: Step) -> Vec<String> {
    let lines: Vec<_> = step.request[1..].iter().map(String::as_str).collect();
    let (seen, asked) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let expected = step.origin.is_some() || step.fails.is_some();
    let below = {
        let (seen, asked) = (seen.clone(), Arc::clone(&asked));
        let (origin, fails) = (step.origin.clone(), step.fails);
        async move |req: Request| -> Result {
            asked.store(true, Ordering::SeqCst);
            seen.note(&req);
            if let Some(status) = fails {
                return Err(Error::new(StatusCode::from_u16(status)?, "below"));
            }
            let origin = origin.unwrap_or_else(|| vec!["599".to_owned()]);
            let (status, lines, body) = parts(&origin);
            response(status, &lines, body.unwrap_or_default().to_owned())
        }
    };
    let mut wrong = Vec::new();
    let before = counts(cache);
    let answered = cache.call(ask(&step.request[0], &lines), below).await;
    match (asked.load(Ordering::SeqCst), expected) {
        (true, false) => wrong.push("the layers below were asked".to_owned()),
        (false, true) => wrong.push("the layers below were not asked".to_owned()),
        _ => {}
    }
    let seen = seen.lines();
    compare("asked", &seen, &step.asked, &mut wrong);
    let (status, lines, body) = parts(&step.response);
    let answered = match answered {
        Ok(answered) => answered,
        Err(error) if error.status() == status => return wrong,
        Err(error) => {
            wrong.push(format!("{} {error}", error.status()));
            return wrong;
        }
    };
    let served = answered.header("cache-status").unwrap_or_default();
    let counted: Vec<_> = std::iter::zip(before, counts(cache))
        .filter(|(before, after)| before != after)
        .map(|((name, before), (_, after))| (name, after - before))
        .collect();
    if counted.len() != 1 || !(counted[0].1 == 1 && counts_as(served).contains(&counted[0].0)) {
        wrong.push(format!("counted as {counted:?}: `{served}`"));
    }
    if answered.status() != status {
        wrong.push(format!(
            "status {}, not {status}",
            answered.status().as_u16()
        ));
    }
    let line = |(name, value): (&str, Value<'_>)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let found: Vec<_> = answered.headers().iter().map(line).collect();
    let lines: Vec<_> = lines.into_iter().map(ToOwned::to_owned).collect();
    compare("response", &found, &lines, &mut wrong);
    if let Some(cache) = step.cache {
        let found = answered
            .header("cache-status")
            .unwrap_or_default()
            .to_owned();
        let expected = format!("stackup; {cache}");
        if found != expected {
            wrong.push(format!("cache-status `{found}`, not `{expected}`"));
        }
    }
    let text = answered.finish().await;
    if let Some(body) = body
        && text.as_deref().ok() != Some(body)
    {
        wrong.push(format!("body {text:?}, not {body:?}"));
    }
    wrong
}

/// What has been counted so far.
fn counts(cache: &Mounted) -> [(&'static str, u64); 5] {
    ["hits", "stale", "validated", "misses", "passed"]
        .map(|name| (name, cache.counter(name, &[]).expect("a counter")))
}

/// The counters that may count a response with this `cache-status`.
fn counts_as(status: &str) -> &'static [&'static str] {
    let has = |part: &str| status.contains(part);
    match () {
        () if has("; hit") && has("; detail") => &["stale"],
        () if has("; hit") => &["hits"],
        () if has("; fwd-status=304") => &["validated"],
        () if has("; fwd=bypass") || has("; fwd=method") => &["passed"],
        // The layers below may have failed.
        () if has("; fwd=stale") && has("; detail") => &["stale", "misses"],
        () if has("stackup; ") => &["misses"],
        () => &["hits", "stale", "validated", "misses", "passed"],
    }
}

/// Status, header lines, and body if there is one.
fn parts(lines: &[String]) -> (u16, Vec<&str>, Option<&str>) {
    let status = lines[0].parse().expect("a status");
    let mut rest = lines[1..].iter().map(String::as_str);
    let fields: Vec<_> = rest.by_ref().take_while(|line| !line.is_empty()).collect();
    (status, fields, rest.next())
}

/// Each expected line is there; of a name with `!` there is none.
fn compare(what: &str, found: &[String], expected: &[String], wrong: &mut Vec<String>) {
    for line in expected {
        let fits = match line.strip_prefix('!') {
            Some(name) => !found
                .iter()
                .any(|found| found.starts_with(&format!("{name}:"))),
            None => found.contains(line),
        };
        if !fits {
            wrong.push(format!("{what}: `{line}` does not fit {found:?}"));
        }
    }
}
