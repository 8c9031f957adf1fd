use serde_json::json;

use super::*;

#[test]
fn slow_drain_lists_what_holds_it() {
    let mut status = json!({
        "stackup": "0.1.0", "pid": 7, "manifest": "config.ru.toml", "environment": "production",
        "seconds": 7323.4, "listening": ["http://127.0.0.1:9292"], "crashes": 1, "renewals": 2,
        "workers": [{
            "number": 3, "pid": 4711, "state": "serving", "seconds": 65.0, "cause": "restart",
            "status": {
                "resident_bytes": 50_331_648, "on_probation": true,
                "connections": {
                    "limit": 1000, "open": 1000, "idle": 0, "heads": 300, "bodies": 12, "sends": 7,
                    "closed_for_room": 5021, "closed_by_send_timeout": 3, "closed_by_body_timeout": 0,
                },
                "blocked": [{ "handler": "sums", "generation": 6, "seconds": 1.5 }],
                "generations": {
                    "active": {
                        "number": 7, "seconds": 12.0,
                        "stack": [
                            { "depth": 0, "label": "use logger", "handler": "logger", "version": "0.1.0",
                              "fingerprint": "2ae60875777a", "born": 5, "kept": true },
                            { "depth": 0, "label": "map /sums" },
                            { "depth": 1, "label": "run sums", "handler": "sums", "version": "0.1.0",
                              "fingerprint": "b3f3e2c2f9c4", "born": 7, "kept": false },
                        ],
                        "requests": [
                            { "method": "GET", "path": "/new", "seconds": 1.0, "phase": "request",
                              "handler": "sums" },
                            { "method": "GET", "path": "/news", "seconds": 90.0, "phase": "body",
                              "handler": "hello", "since_generation": 5 },
                        ],
                        "more_requests": { "request": 0, "body": 3, "upgraded": 9980 },
                        "handlers": [
                            { "handler": "sums", "panics": 5, "blocks": 1, "out_of_service": true },
                            { "handler": "hello", "panics": 0, "blocks": 0, "out_of_service": false },
                        ],
                    },
                    "draining": [{
                        "number": 6, "seconds": 3.0, "deadline_seconds": 27.0, "stuck": false,
                        "held_by": {
                            "requests": [
                                { "method": "GET", "path": "/slow", "seconds": 3.2, "phase": "request",
                                  "handler": "hello" },
                                { "method": "GET", "path": "/events", "seconds": 90.0, "phase": "body",
                                  "handler": null },
                            ],
                            "kept": 1,
                            "tasks": [{ "handler": "hello", "name": "refresh", "seconds": 100.0 }],
                        },
                    }],
                    "retired": 5, "resting_bytes": 12_582_912,
                },
            },
        }, { "number": 4, "pid": 4712, "state": "starting", "seconds": 0.2, "cause": "upgrade",
             "status": null }],
        "rolled_back": [{ "state": "1", "reason": "`late` crashed (SIGSEGV)" }],
        "quarantine": [{ "fingerprint": "0123456789abcdef", "reason": "`boom` crashed", "instead": null }],
        "reloads": [
            { "number": 1, "at": 1000, "outcome": "swapped", "generation": 7, "milliseconds": 12.34,
              "instances": "kept logger; built sums", "changes": [], "error": null },
            { "number": 2, "at": 11_000, "outcome": "refused", "generation": 7, "milliseconds": 3.0,
              "instances": "", "changes": [], "error": "error: no\n more" },
        ],
        "incidents": [{ "at": 500, "text": "worker 1: killed from outside" }],
    });
    status["workers"][0]["status"]["store"] = json!({
        "engine": "redis", "place": "Redis at cache:6379", "trouble": "no reply within 1s",
    });
    status["workers"][0]["status"]["fetches"] =
        json!([{ "plugin": "sums", "in_flight": 1, "connections": 12 }]);
    status["workers"][0]["status"]["plugins"] = json!([
        { "plugin": "hello", "copies": 1, "unused": 0, "memory": 22_528, "threads": 0, "descriptors": 0 },
        { "plugin": "sums", "copies": 2, "unused": 1, "memory": 4_299_161, "threads": 4, "descriptors": 1 },
    ]);
    let expected = "\
stackup 0.1.0 is serving config.ru.toml (production), up 2 h 2 min
listening on http://127.0.0.1:9292
1 crash, 2 renewals so far

worker 3 (pid 4711, restart) is serving for 1 min 5 s, 48.0 MiB
  generation 7 active for 12 s, on probation
    use logger  0.1.0 2ae60875777a  kept since 5
    map /sums
      run sums  0.1.0 b3f3e2c2f9c4  new
    requests in progress
      GET /new is running in `sums` for 1.0 s
      GET /news is sending its body in `hello` for 1 min 30 s, since generation 5
      and 3 more, sending a body
      and 9980 more, changed to another protocol
  1000 of 1000 connections: 300 sending a head, 12 sending a body, 7 not taking a response; closed so far: 5021 to make room, 3 by `send_timeout`
  the store is unavailable: Redis at cache:6379: no reply within 1s
  `sums` to other servers: 1 request in flight, 12 connections open
  generation 6 draining for 3.0 s (at most 27 s more), held by
      GET /slow is running in `hello` for 3.2 s
      GET /events is sending its body for 1 min 30 s
      1 request whose handlers were all kept
      task `refresh` of `hello` for 1 min 40 s
  `sums` has blocked its thread for 1.5 s (generation 6)
  `sums`: 5 panics, 1 blocked thread, out of service
  `sums`: 2 copies (1 unused) with 4.1 MiB, 4 threads, 1 descriptor
  5 generations have retired; retained libraries take 12.0 MiB of memory and address space

worker 4 (pid 4712, upgrade) is starting for 0.2 s

quarantined: library 0123456789ab; the directive's `on_failure` holds
  `boom` crashed

rolled back: `late` crashed (SIGSEGV)

reloads, latest first
  2         1.0 s ago  refused    generation 7, 3.0 ms
       error: no
  1          11 s ago  swapped    generation 7, 12.3 ms; kept logger; built sums

incidents, latest first
        11 s ago  worker 1: killed from outside";
    assert_eq!(status_text(&status, 12_000), expected);
}

/// A status with one worker, with this line of its stack, this handler's health and this request.
fn status(line: &Value, handler: &Value, request: &Value) -> Value {
    json!({
        "stackup": "0.1.0", "manifest": "config.ru.toml", "environment": "production", "seconds": 1.0,
        "listening": [], "crashes": 0, "renewals": 0, "rolled_back": [], "quarantine": [], "reloads": [],
        "incidents": [],
        "workers": [{
            "number": 1, "pid": 1, "state": "serving", "seconds": 1.0, "cause": "start",
            "status": {
                "on_probation": false, "blocked": [],
                "generations": {
                    "active": { "number": 1, "seconds": 1.0, "stack": [line], "requests": [request],
                                "handlers": [handler] },
                    "draining": [], "retired": 0, "resting_bytes": 0,
                },
            },
        }],
    })
}

fn line(depth: u64, label: &str) -> Value {
    json!({ "depth": depth, "label": label, "version": "0.1.0", "fingerprint": "2ae60875777a" })
}

fn health(panics: u64) -> Value {
    json!({ "handler": "sums", "panics": panics, "blocks": 1, "out_of_service": false })
}

fn request(path: &str) -> Value {
    json!({ "method": "GET", "path": path, "seconds": 1.0, "phase": "request" })
}

#[test]
fn control_characters_are_escaped() {
    let status = status(
        &line(0, "run sums"),
        &health(0),
        &request("/\u{9b}2J\u{1b}c\r"),
    );
    let text = status_text(&status, 0);
    assert!(
        text.contains("GET /\\u{9b}2J\\u{1b}c\\r is running"),
        "{text:?}"
    );
    let other = status_text(&json!({ "new": "\u{9b}" }), 0);
    assert_eq!(other, "{\n  \"new\": \"\\u{9b}\"\n}");
}

#[test]
fn long_label_moves_no_other_column() {
    let label = "s".repeat(70_000);
    let mut status = status(&line(1, &label), &health(0), &request("/"));
    let active = &mut status["workers"][0]["status"]["generations"]["active"];
    active["stack"] = json!([line(0, "use logger"), line(1, &label)]);
    let text = status_text(&status, 0);
    let column = " ".repeat(60 - "use logger".len());
    assert!(text.contains(&format!("    use logger{column}  0.1.0 2ae60875777a\n")));
    assert!(text.contains(&format!("      {label}  0.1.0 2ae60875777a\n")));
}

#[test]
fn huge_numbers_are_shown() {
    for depth in [255, 40_000, u64::MAX / 2] {
        let text = status_text(
            &status(&line(depth, "run sums"), &health(0), &request("/")),
            0,
        );
        assert!(text.contains("run sums"), "{text}");
    }
    let text = status_text(
        &status(&line(0, "run sums"), &health(u64::MAX), &request("/")),
        0,
    );
    assert!(
        text.contains("`sums`: 18446744073709551615 panics"),
        "{text}"
    );
}

#[test]
fn unknown_status_is_shown_as_json() {
    assert_eq!(status_text(&json!({ "new": 1 }), 0), "{\n  \"new\": 1\n}");
}

#[test]
fn counters_are_listed_by_handler() {
    let mut status = status(&line(0, "run sums"), &health(0), &request("/"));
    let counter = |handler: &str, name: &str, labels: Value, value: u64| json!({ "handler": handler, "name": name, "labels": labels, "help": "x", "value": value });
    let many = (0..23).map(|n| counter("many", "n", json!({ "of": n.to_string() }), 1));
    let few = [
        counter("cache", "hits", json!({}), 1_000_000),
        counter("throttle", "limited", json!({ "rule": "login" }), 12),
        counter("throttle", "limited", json!({ "rule": "none" }), 0),
        counter(
            "throttle",
            "matched",
            json!({ "rule": "a\"\u{1b}", "z": "" }),
            3,
        ),
        counter("unused", "n", json!({}), 0),
    ];
    let counters: Vec<_> = many.chain(few).collect();
    status["workers"][0]["status"]["counters"] = json!(counters);
    let text = status_text(&status, 0);
    let begin = text.find("  `many` has counted").unwrap();
    let lines: Vec<_> = text[begin..].lines().collect();
    assert_eq!(lines[1], "      n{of=\"0\"}   1");
    assert_eq!(lines[20], "      n{of=\"19\"}  1");
    let expected = [
        "      and 3 more (`--json` has all)",
        "  `cache` has counted",
        "      hits  1000000",
        "  `throttle` has counted",
        "      limited{rule=\"login\"}           12",
        "      matched{rule=\"a\\\"\\u{1b}\",z=\"\"}  3",
    ];
    assert_eq!(lines[21..], expected);
}
