//! `throttle`.

use stackup_tests::{Host, Site};

const MANIFEST: &str = r#"
run = "hello"
[[use]]
plugin = "throttle"
config.rules = [
  { name = "health", action = "safelist", when = { path = ["/health"] } },
  { name = "all", action = "throttle", rate = "25/h" },
]
"#;

/// How many of ten requests on each of ten connections pass.
async fn passed(host: &Host) -> usize {
    // What a client says of its address counts for nothing.
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 192.0.2.1\r\n\r\n";
    let mut connections = Vec::new();
    for _ in 0..10 {
        let mut connection = host.connect().await;
        connection.send(request.repeat(10)).await;
        connections.push(connection);
    }
    let mut passed = 0;
    for connection in &mut connections {
        for _ in 0..10 {
            let response = connection.response().await;
            match response.status() {
                200 => passed += 1,
                429 => assert!(response.header("retry-after").is_some(), "{response}"),
                _ => panic!("{response}"),
            }
        }
    }
    passed
}

#[tokio::test]
async fn limit_is_exact_over_connections_and_reloads() {
    let site = Site::new(MANIFEST, &["throttle", "hello", "headers"]);
    let host = Host::start(&site).await;
    assert_eq!(passed(&host).await, 25);
    let headers = "[[use]]\nplugin = \"headers\"\nconfig = { set = { x-new = \"1\" } }\n";
    site.manifest(&format!("{MANIFEST}{headers}"));
    host.reload("swapped").await;
    assert_eq!(passed(&host).await, 0, "the next generation counts on");
    assert_eq!(host.get("/health").await.status(), 200);
}

/// What the active worker has counted for a rule.
async fn counted(site: &Site, name: &str, rule: &str) -> Option<u64> {
    let said = site.stackup(&["status", "--json"]).await;
    let status: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    let workers = status["workers"].as_array().expect("workers");
    let serving = workers.iter().find(|worker| worker["state"] == "serving");
    let counters = serving.expect("a worker")["status"]["counters"].as_array();
    let found = counters.expect("counters").iter().find(|counter| {
        counter["handler"] == "throttle"
            && counter["name"] == name
            && counter["labels"]["rule"] == rule
    });
    found.and_then(|counter| counter["value"].as_u64())
}

#[tokio::test]
async fn counts_go_on_after_a_reload_and_begin_again_in_a_new_worker() {
    let site = Site::new(MANIFEST, &["throttle", "hello"]);
    let host = Host::start(&site).await;
    assert_eq!(passed(&host).await, 25);
    assert_eq!(host.get("/health").await.status(), 200);
    assert_eq!(counted(&site, "matched", "all").await, Some(100));
    assert_eq!(counted(&site, "limited", "all").await, Some(75));
    assert_eq!(counted(&site, "matched", "health").await, Some(1));
    let text = site.stackup(&["status"]).await.stdout;
    let shown = "  `throttle` has counted\n      limited{rule=\"all\"}     75\n      matched{rule=\"all\"}     100\n      matched{rule=\"health\"}  1\n";
    assert!(text.contains(shown), "{text}");

    // Another config makes another instance; `health` is a rule no more.
    let without = MANIFEST.lines().filter(|line| !line.contains("health"));
    site.manifest(&without.collect::<Vec<_>>().join("\n"));
    host.reload("swapped").await;
    assert_eq!(passed(&host).await, 0);
    assert_eq!(counted(&site, "matched", "all").await, Some(200));
    assert_eq!(counted(&site, "limited", "all").await, Some(175));
    while counted(&site, "matched", "health").await.is_some() {}

    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(counted(&site, "matched", "all").await, Some(0));
}
