use serde_json::json;

use super::super::readings::Readings;
use super::*;
use crate::services::Families;
use crate::services::FamilyKind::{Counter, Gauge};

/// Two layers: `fast` is called twice for each request, `slow` takes most of the time and fails for a tenth.
fn readings(requests: u64) -> Readings {
    let mut families = Families::default();
    let count = requests as f64;
    let total = ("stackup_requests", Counter, "");
    families.add(total, &[("class", "2xx")], 0.9 * count);
    families.add(total, &[("class", "5xx")], 0.1 * count);
    families.add(("stackup_requests_in_flight", Gauge, ""), &[], 2.0);
    let buckets = |bound: f64| vec![(bound / 2.0, 0), (bound, requests)];
    families.add_histogram(
        ("stackup_request_duration_seconds", ""),
        &[],
        buckets(0.004),
        0.0,
        requests,
    );
    for (directive, calls, own, failures) in
        [("use fast", 2.0, 4e-6, 0.0), ("run slow", 1.0, 0.004, 0.1)]
    {
        let labels = [("directive", directive), ("handler", "h")];
        let add = |families: &mut Families, name, bound| {
            families.add_histogram((name, ""), &labels, buckets(bound), 0.0, requests);
        };
        add(&mut families, "stackup_layer_own_duration_seconds", own);
        add(&mut families, "stackup_layer_duration_seconds", 0.004);
        let called = ("stackup_layer_requests", Counter, "");
        families.add(called, &labels, calls * count);
        let failed = ("stackup_layer_failures", Counter, "");
        families.add(failed, &labels, failures * count);
    }
    Readings::of(&families)
}

fn page(before: &Readings, now: &Readings) -> Page {
    let status = json!({
        "stackup": "0.1.0", "manifest": "config.ru.toml", "environment": "production", "seconds": 75.0,
        "crashes": 0, "renewals": 1, "listening": [], "rolled_back": [], "quarantine": [], "incidents": [],
        "workers": [{ "number": 2, "pid": 17, "state": "serving", "seconds": 70.0, "cause": "restart", "status": {
            "on_probation": false, "resident_bytes": 50 << 20,
            "blocked": [{ "handler": "slow", "generation": 3, "seconds": 2.0 }],
            "generations": {
                "active": { "number": 3, "seconds": 61.0, "stack": [], "requests": [], "handlers": [] },
                "draining": [], "retired": 2, "resting_bytes": 0,
            },
            "connections": {
                "open": 12, "limit": 10000, "idle": 0, "heads": 0, "bodies": 0, "sends": 0,
                "closed_for_room": 0, "closed_by_send_timeout": 0, "closed_by_body_timeout": 0,
            },
        } }],
        "reloads": [
            { "number": 1, "at": 0, "outcome": "swapped", "generation": 3, "milliseconds": 12.0, "instances": "",
              "changes": ["~ run slow (config)"], "error": null },
            { "number": 2, "at": 60_000, "outcome": "refused", "generation": 3, "milliseconds": 3.0, "instances": "",
              "changes": [], "error": "\nerror: no such library\n" },
        ],
    });
    Page::new(before, now, 2.0, status).unwrap()
}

#[test]
fn page_shows_server_requests_layers_and_reloads() {
    let page = page(&readings(1000), &readings(1300));
    let text = lines(&page, Sort::Own, 61_000).join("\n");
    let expected = "\
config.ru.toml (production), up 1 min 15 s, 0 crashes, 1 renewal
worker 2 (pid 17, serving): generation 3 for 1 min 1 s, 12 of 10000 connections, 50.0 MiB
  `slow` has blocked its thread for 2.0 s

requests  150/s   4xx 0/s   5xx 15/s   canceled 0/s   in flight 2
answered  half within 2.8 ms, 99 % within 4.0 ms

directive  requests/s    own p50    own p99         p99  failures/s  in flight
run slow          150     2.8 ms     4.0 ms      4.0 ms          15          0
use fast          300     2.8 µs     4.0 µs      4.0 ms           0          0

reloads
  2         1.0 s ago  refused    generation 3  error: no such library
  1     1 min 1 s ago  swapped    generation 3  ~ run slow (config)";
    assert_eq!(text, expected);
}

#[test]
fn page_without_metrics_says_how_to_get_them() {
    let nothing = Readings::default();
    let lines = lines(&page(&nothing, &nothing), Sort::default(), 61_000);
    assert!(
        lines[4].starts_with("requests are not measured: put `[metrics]`"),
        "{lines:?}"
    );
}

#[test]
fn keys_sort_the_largest_first() {
    let page = page(&readings(0), &readings(10));
    let first = |key| {
        let lines = of_layers(&page.layers, Sort::of_key(key).unwrap());
        lines[1].split("  ").next().unwrap().to_owned()
    };
    let keys = [b'd', b'r', b'o', b'f'];
    let expected = ["run slow", "use fast", "run slow", "run slow"];
    assert_eq!(keys.map(first), expected);
    assert_eq!(Sort::of_key(b'x'), None);
}
