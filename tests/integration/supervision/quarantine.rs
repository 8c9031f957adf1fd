//! A library that crashes repeatedly after its stack became a rollback target.

use stackup_tests::{Host, Site};

use super::{FAULTY, code, crash_worker, faulty, prove, start, swap, wait_for_reload};

/// Crashes the worker until the library is quarantined: three times.
async fn crash_until_quarantined(host: &Host) {
    for time in 1..=3 {
        let crash = crash_worker(host).await;
        let quarantined = crash.text("quarantined");
        assert_eq!(quarantined.is_empty(), time < 3, "{crash}");
    }
    host.event("quarantine").await;
}

#[tokio::test]
async fn previous_library_replaces_quarantined_one() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    swap(&site, &host, 2, "segv").await;
    prove(&host).await;
    crash_until_quarantined(&host).await;
    assert_eq!(code(&host).await, 1);
    let said = site.stackup(&["status"]).await;
    assert!(said.stdout.contains("quarantined: library "), "{said:?}");
    assert!(said.stdout.contains("; replaced by "), "{said:?}");
    swap(&site, &host, 3, "none").await;
    assert_eq!(code(&host).await, 3);
}

#[tokio::test]
async fn quarantine_without_previous_library_closes_its_paths() {
    let manifest = "run = \"hello\"\n[failures]\nprobation_requests = 1\n\
                    [[map]]\npath = \"/bad\"\nrun = \"faulty\"\n";
    let site = Site::new(manifest, &["hello"]);
    site.library("faulty", &faulty(1, "segv"));
    let host = Host::start(&site).await;
    assert_eq!(host.get("/bad").await.status(), 200);
    host.event("proven").await;
    for _ in 0..3 {
        let mut connection = host.connect().await;
        connection
            .send("GET /bad/fault HTTP/1.1\r\nhost: test\r\n\r\n")
            .await;
        assert!(connection.closes().await);
        host.event("crash").await;
        host.next_worker().await;
    }
    host.event("quarantine").await;
    let warning = host.event("manifest-warning").await;
    let message = warning.message();
    assert!(
        message.contains("`faulty` is quarantined: `faulty`"),
        "{message}"
    );
    assert!(message.contains("its paths answer with 503"), "{message}");
    assert_eq!(host.get("/bad").await.status(), 503);
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");
    site.library("faulty", &faulty(2, "none"));
    wait_for_reload(&host, "swapped").await;
    assert_eq!(host.get("/bad").await.status(), 200);
}

#[tokio::test]
async fn quarantined_bypass_middleware_is_left_out() {
    let manifest = "run = \"hello\"\n[failures]\nprobation_requests = 1\n\
                    [[use]]\nplugin = \"faulty\"\non_failure = \"bypass\"\n";
    let site = Site::new(manifest, &["hello"]);
    site.library("faulty", &faulty(1, "abrt"));
    let host = Host::start(&site).await;
    assert!(host.get("/").await.header("x-faulty").is_some());
    host.event("proven").await;
    for _ in 0..3 {
        let mut connection = host.connect().await;
        connection
            .send("GET /layer HTTP/1.1\r\nhost: test\r\n\r\n")
            .await;
        assert!(connection.closes().await);
        host.event("crash").await;
        host.next_worker().await;
    }
    let warning = host.event("manifest-warning").await;
    let message = warning.message();
    assert!(
        message.contains("it is left out (`on_failure = \"bypass\"`)"),
        "{message}"
    );
    let response = host.get("/layer").await;
    assert_eq!(
        (response.status(), response.header("x-faulty")),
        (200, None)
    );
    // `--retry` ends the quarantine.
    let said = site.stackup(&["reload", "--retry"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(host.get("/").await.header("x-faulty").is_some());
}
