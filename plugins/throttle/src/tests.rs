use std::time::Duration;

use stackup_plugin::testing::{
    self, Answered, Json, Mounted, TestRequest, block_on, get, json, post,
};

use super::*;

fn throttle(config: Json) -> Mounted {
    testing::middleware::<Throttle>(config).unwrap()
}

fn answer(throttle: &Mounted, request: TestRequest) -> Answered {
    block_on(throttle.call(request, async |_req: Request| "app")).unwrap()
}

fn status(throttle: &Mounted, request: TestRequest) -> u16 {
    answer(throttle, request).status().as_u16()
}

/// What the rule has counted.
fn count(throttle: &Mounted, name: &str, rule: &str) -> Option<u64> {
    throttle.counter(name, &[("rule", rule)])
}

fn statuses<const N: usize>(throttle: &Mounted, request: impl Fn() -> TestRequest) -> [u16; N] {
    std::array::from_fn(|_| status(throttle, request()))
}

#[test]
fn requests_beyond_the_rate_get_429_until_the_bucket_refills() {
    let login = json!({ "name": "login", "action": "throttle", "rate": "2/h", "when": { "path": ["/login"] } });
    let throttle = throttle(json!({ "rules": [login] }));
    assert_eq!(statuses(&throttle, || get("/login")), [200, 200, 429]);
    assert_eq!(status(&throttle, get("/other")), 200);
    let refused = answer(&throttle, get("/login"));
    assert_eq!(count(&throttle, "matched", "login"), Some(4));
    assert_eq!(count(&throttle, "limited", "login"), Some(2));
    assert_eq!(count(&throttle, "blocked", "login"), None);
    let after = refused
        .header("retry-after")
        .unwrap()
        .parse::<u64>()
        .unwrap();
    assert!((1_700..=1_800).contains(&after), "{after}");
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"login\";q=2;w=3600")
    );
    assert_eq!(
        refused.header("ratelimit"),
        Some(&*format!("\"login\";r=0;t={after}"))
    );
    assert_eq!(block_on(refused.finish()).unwrap(), "Too Many Requests\n");
    testing::store().advance(Duration::from_secs(3_600));
    assert_eq!(status(&throttle, get("/login")), 200);
}

#[test]
fn burst_and_cost_count() {
    let search =
        json!({ "name": "search", "action": "throttle", "rate": "1/h", "burst": 7, "cost": 3 });
    let throttle = throttle(json!({ "rules": [search], "fields": "all" }));
    let passed = answer(&throttle, get("/"));
    assert_eq!(
        passed.header("ratelimit-policy"),
        Some("\"search\";q=7;w=25200")
    );
    assert_eq!(passed.header("ratelimit"), Some("\"search\";r=4;t=10800"));
    assert_eq!(statuses(&throttle, || get("/")), [200, 429]);
}

#[test]
fn each_bucket_has_its_place_in_the_fields() {
    let rule = |name: &str| json!({ "name": name, "action": "throttle", "rate": "2/h" });
    let rules = json!([rule("one"), rule("two")]);
    let all = throttle(json!({ "rules": rules, "fields": "all" }));
    let fields = answer(&all, get("/"));
    let policy = fields.header("ratelimit-policy");
    assert_eq!(policy, Some("\"one\";q=2;w=3600, \"two\";q=2;w=3600"));
    let none = throttle(json!({ "rules": rules, "fields": "none" }));
    assert_eq!(status(&none, get("/")), 200);
    let refused = answer(&none, get("/"));
    assert_eq!(
        (refused.status().as_u16(), refused.header("ratelimit")),
        (429, None)
    );
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn rules_apply_in_their_order() {
    let safe = json!({ "name": "safe", "action": "safelist", "when": { "path": ["/health"] } });
    let block = json!({ "name": "block", "action": "blocklist", "when": { "method": ["GET"] } });
    let first = throttle(json!({ "rules": [safe, block] }));
    assert_eq!(
        [status(&first, get("/health")), status(&first, get("/"))],
        [200, 403]
    );
    assert_eq!(status(&first, post("/", "")), 200);
    assert_eq!(count(&first, "matched", "safe"), Some(1));
    assert_eq!(count(&first, "matched", "block"), Some(1));
    assert_eq!(count(&first, "blocked", "block"), Some(1));
    let last = throttle(json!({ "rules": [block, safe] }));
    assert_eq!(status(&last, get("/health")), 403);
}

#[test]
fn fail2ban_refuses_at_once_and_bans_from_everything() {
    let probe = json!({
        "name": "probe", "action": "fail2ban", "after": 2, "find": "10m", "ban": "1h",
        "when": { "path": ["/wp-admin"] },
    });
    let throttle = throttle(json!({ "rules": [probe] }));
    let log = testing::log();
    assert_eq!(status(&throttle, get("/wp-admin")), 403);
    assert_eq!(status(&throttle, get("/")), 200);
    assert_eq!(status(&throttle, get("/wp-admin")), 403);
    assert_eq!(
        log.messages(),
        ["`probe` bans for 3600s: probe|ban|127.0.0.1"]
    );
    assert_eq!(status(&throttle, get("/")), 403);
    // A banned client is refused whatever it asks for.
    assert_eq!(count(&throttle, "matched", "probe"), Some(2));
    assert_eq!(count(&throttle, "blocked", "probe"), Some(3));
    let other = get("/").remote(([192, 0, 2, 1], 1).into());
    assert_eq!(status(&throttle, other), 200);
    testing::store().advance(Duration::from_secs(3_600));
    assert_eq!(status(&throttle, get("/")), 200);
}

#[test]
fn strikes_are_forgotten_after_a_while() {
    let login = json!({
        "name": "login", "action": "allow2ban", "after": 2, "find": "10m", "ban": "1h",
        "when": { "path": ["/login"] },
    });
    let throttle = throttle(json!({ "rules": [login] }));
    assert_eq!(status(&throttle, get("/login")), 200);
    testing::store().advance(Duration::from_secs(600));
    assert_eq!(statuses(&throttle, || get("/login")), [200, 200, 403]);
    assert_eq!(status(&throttle, get("/")), 403);
}

#[test]
fn dry_run_and_track_only_log() {
    let block = json!({ "name": "block", "action": "blocklist", "dry_run": true, "when": { "path": ["/a"] } });
    let one = json!({ "name": "one", "action": "track", "rate": "1/h" });
    let each = json!({ "name": "each", "action": "track", "when": { "path": ["/b"] } });
    let rules = throttle(json!({ "rules": [block, one, each] }));
    let log = testing::log();
    assert_eq!(
        [status(&rules, get("/a?q")), status(&rules, get("/b"))],
        [200, 200]
    );
    let expected = [
        "`block` would answer GET /a with 403",
        "`one` tracks GET /b",
        "`each` tracks GET /b",
    ];
    assert_eq!(log.messages(), expected);
    assert_eq!(count(&rules, "would_refuse", "block"), Some(1));
    assert_eq!(count(&rules, "blocked", "block"), None);
    assert_eq!(count(&rules, "matched", "one"), Some(2));
    assert_eq!(count(&rules, "beyond_rate", "one"), Some(1));
    assert_eq!(count(&rules, "matched", "each"), Some(1));
    let all = json!({ "name": "all", "action": "throttle", "rate": "1/h" });
    let dry = throttle(json!({ "rules": [all], "dry_run": true }));
    assert_eq!(statuses(&dry, || get("/")), [200, 200]);
    assert_eq!(count(&dry, "would_refuse", "all"), Some(1));
}

#[test]
fn unavailable_store_is_open_or_closed_and_logged_once() {
    let rules = json!([{ "name": "one", "action": "throttle", "rate": "1/h" }]);
    let (store, log) = (testing::store(), testing::log());
    store.unavailable(true);
    let open = throttle(json!({ "rules": rules }));
    assert_eq!(statuses(&open, || get("/")), [200, 200]);
    assert_eq!(log.messages().len(), 1, "{:?}", log.messages());
    let closed = throttle(json!({ "rules": rules, "on_store_error": "refuse" }));
    let refused = answer(&closed, get("/"));
    assert_eq!(
        (refused.status().as_u16(), refused.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(count(&open, "uncounted", "one"), Some(2));
    assert_eq!(count(&closed, "uncounted", "one"), Some(1));
    assert_eq!(count(&closed, "limited", "one"), Some(0));
    store.unavailable(false);
    assert_eq!(statuses(&open, || get("/")), [200, 429]);
    assert_eq!(log.messages().last().unwrap(), "requests are counted again");
}

#[test]
fn limit_is_exact_on_many_threads() {
    let rule = json!({ "name": "one", "action": "throttle", "rate": "700/d" });
    let throttle = throttle(json!({ "rules": [rule] }));
    let passed = std::thread::scope(|scope| {
        let threads = [(); 10].map(|()| {
            scope.spawn(|| {
                let statuses: [u16; 200] = statuses(&throttle, || get("/"));
                statuses.iter().filter(|status| **status == 200).count()
            })
        });
        threads
            .map(|thread| thread.join().unwrap())
            .iter()
            .sum::<usize>()
    });
    assert_eq!(passed, 700);
}

#[test]
fn count_goes_on_with_the_next_instance() {
    let config = json!({ "rules": [{ "name": "one", "action": "throttle", "rate": "1/h" }] });
    assert_eq!(status(&throttle(config.clone()), get("/")), 200);
    assert_eq!(status(&throttle(config), get("/")), 429);
}

#[test]
fn error_points_at_the_key() {
    let rule = |more: Json| {
        let mut rule = json!({ "name": "a" });
        rule.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!([rule])
    };
    for (rules, key) in [
        (json!([]), "rules"),
        (
            rule(json!({ "name": "A b", "action": "track" })),
            "rules[0].name",
        ),
        (
            json!([{ "name": "a", "action": "track" }, { "name": "a", "action": "track" }]),
            "rules[1].name",
        ),
        (rule(json!({ "action": "safelist" })), "rules[0].when"),
        (
            rule(json!({ "action": "track", "when": {} })),
            "rules[0].when",
        ),
        (rule(json!({ "action": "throttle" })), "rules[0].rate"),
        (
            rule(json!({ "action": "throttle", "rate": "5/x" })),
            "rules[0].rate",
        ),
        (
            rule(json!({ "action": "throttle", "rate": "5/s", "cost": 6 })),
            "rules[0].cost",
        ),
        (
            rule(json!({ "action": "throttle", "rate": "5/s", "key": ["client", "ip"] })),
            "rules[0].key[1]",
        ),
        (
            rule(json!({ "action": "throttle", "rate": "5/s", "ban": "1h" })),
            "rules[0].ban",
        ),
        (
            rule(json!({ "action": "track", "burst": 2 })),
            "rules[0].burst",
        ),
        (
            rule(json!({ "action": "fail2ban", "find": "1m", "ban": "1h" })),
            "rules[0].after",
        ),
        (
            rule(json!({ "action": "fail2ban", "after": 1, "ban": "1h" })),
            "rules[0].find",
        ),
        (
            rule(json!({ "action": "fail2ban", "after": 1, "find": "1m", "ban": "0s" })),
            "rules[0].ban",
        ),
        (
            rule(
                json!({ "action": "allow2ban", "after": 1, "find": "1m", "ban": "1h", "rate": "1/s" }),
            ),
            "rules[0].rate",
        ),
    ] {
        let error = testing::middleware::<Throttle>(json!({ "rules": rules }))
            .err()
            .unwrap();
        assert_eq!(error.place(), key, "{rules}: {}", error.message());
    }
}
