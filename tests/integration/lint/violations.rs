//! A plugin that breaks rules on purpose, between plugins that do not.

use stackup_tests::{Gate, Host, Site};

use super::{findings, findings_json, send};

const PLUGINS: [&str; 4] = ["offends", "request-id", "runtime", "security-headers"];

/// Correct layers above, between and below.
const MANIFEST: &str = r#"
use = ["request-id", "offends#claims", "offends#layer", "runtime", "security-headers"]
run = "offends#app"
[limits]
block_report = "500ms"
"#;

async fn develop(manifest: &str) -> (Site, Host) {
    let site = Site::new(manifest, &PLUGINS);
    let host = Host::develop(&site).await;
    (site, host)
}

fn get(query: &str) -> String {
    format!("GET /?{query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

/// Requests that break a rule, the handler to blame, and the rule. The messages are in `lints/*.case`.
const VIOLATIONS: [(&str, &str, &str); 20] = [
    ("layer=no-path", "layer", "R8"),
    ("layer=star", "layer", "R8"),
    ("layer=framing", "layer", "R17"),
    ("app=framing", "app", "R17"),
    ("app=early-hints", "app", "R17"),
    ("app=stream&layer=holds", "layer", "K8"),
    ("app=no-number", "app", "K9"),
    ("app=too-long", "app", "K9"),
    ("app=too-short", "app", "K9"),
    ("app=length&layer=longer", "layer", "K9"),
    ("app=tag&layer=changes", "layer", "K9"),
    ("app=tag&layer=longer", "layer", "K9"),
    ("app=size", "app", "K10"),
    ("app=body", "app", "K12"),
    ("app=type", "app", "K12"),
    ("layer=no-content", "layer", "K12"),
    ("app=keep-alive", "app", "K13"),
    ("layer=claims", "layer", "K14"),
    ("layer=takes", "layer", "K5"),
    ("app=goes-on&layer=holds", "app", "K10"),
];

#[tokio::test]
async fn violation_is_reported_with_its_handler() {
    for (query, handler, rule) in VIOLATIONS {
        let (_site, host) = develop(MANIFEST).await;
        let mut request = get(query);
        if query == "layer=takes" {
            request = request
                .replace("GET", "POST")
                .replace("\r\n\r\n", "\r\ncontent-length: 5\r\n\r\nhello");
        }
        send(&host, &request).await;
        let line = host.event("lint").await;
        let handler = format!("offends#{handler}");
        assert_eq!(
            (line.text("handler"), line.text("rule")),
            (&*handler, rule),
            "{query}: {line}"
        );
        // The second time it is counted but not logged, and no other handler is blamed.
        send(&host, &request).await;
        let all = findings(&host).await;
        assert_eq!(
            all,
            [(handler, rule.to_owned(), 2)],
            "{query}: {}",
            findings_json(&host).await
        );
        assert!(
            host.log().try_take(|line| line.event() == "lint").is_none(),
            "{query}"
        );
    }
}

#[tokio::test]
async fn blocking_handler_is_listed_and_logged_by_watchdog_only() {
    for (query, rule) in [("app=blocks", "K1"), ("app=body-blocks", "K10")] {
        let (site, host) = develop(MANIFEST).await;
        let gate = Gate::close(&site);
        let request = get(query);
        let sent = send(&host, &request);
        let opened = async {
            let blocked = host.event("blocked").await;
            assert_eq!(blocked.text("handler"), "offends#app");
            gate.open();
        };
        tokio::join!(sent, opened);
        let all = findings(&host).await;
        assert_eq!(all, [("offends#app".to_owned(), rule.to_owned(), 1)]);
        assert!(findings_json(&host).await.contains("\"request\":1"));
        assert!(host.log().try_take(|line| line.event() == "lint").is_none());
    }
}

#[tokio::test]
async fn disabled_lint_checks_nothing() {
    let (site, host) = develop(&format!("{MANIFEST}[dev]\nlint = false\n")).await;
    send(&host, &get("app=keep-alive")).await;
    assert_eq!(findings(&host).await, []);
    site.manifest(MANIFEST);
    host.reload("swapped").await;
    send(&host, &get("app=keep-alive")).await;
    assert_eq!(findings(&host).await.len(), 1);
}
