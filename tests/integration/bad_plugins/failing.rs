//! A handler that fails repeatedly is taken out of service. One that blocks is reported while it blocks.

use stackup_tests::log::Record;
use stackup_tests::{Gate, Host, Site, artifacts};

/// The next `breaker` event, which must have this state.
async fn breaker(host: &Host, state: &str) -> Record {
    let record = host.event("breaker").await;
    assert_eq!(record.text("state"), state, "{record}");
    record
}

const FAILURES: &str = "[failures]\npanics = 3\npanic_window = \"5s\"\ncool_down = \"3s\"\n";

#[tokio::test]
async fn repeated_panics_open_breaker_until_cool_down() {
    let manifest = format!("run = \"panics\"\n{FAILURES}");
    let host = Host::start(&Site::new(&manifest, &["panics"])).await;
    for _ in 0..3 {
        assert_eq!(host.get("/call").await.status(), 500);
    }
    let open = breaker(&host, "open").await;
    assert_eq!(open.text("handler"), "panics");
    assert_eq!(open.text("policy"), "fail-closed");
    assert_eq!(open.number("panics"), Some(3));
    assert!(open.message().contains("on purpose, in call"), "{open}");
    let mut refused = 0;
    while host.get("/").await.status() == 503 {
        refused += 1;
    }
    assert!(refused > 0, "it stays in service");
    breaker(&host, "half-open").await;
    let flood = |record: &Record| record.number("status") == Some(503);
    assert!(host.log().try_take(flood).is_none(), "{}", host.log());
    // After a window without panics, a request closes the breaker.
    while host
        .log()
        .try_take(|record| record.text("state") == "closed")
        .is_none()
    {
        assert_eq!(host.get("/").await.text(), "calm\n");
    }
}

#[tokio::test]
async fn failing_bypass_middleware_is_bypassed() {
    let manifest = format!(
        "run = \"hello\"\n{FAILURES}[[use]]\nplugin = \"shaky\"\non_failure = \"bypass\"\n"
    );
    let host = Host::start(&Site::new(&manifest, &["hello", "shaky"])).await;
    assert_eq!(host.get("/").await.header("x-shaky"), Some("passed"));
    for _ in 0..3 {
        assert_eq!(host.get("/shaky").await.status(), 500);
    }
    let open = breaker(&host, "open").await;
    assert_eq!(open.text("policy"), "bypass");
    let response = host.get("/shaky").await;
    assert_eq!((response.status(), response.header("x-shaky")), (200, None));
    // Without `on_failure = "bypass"`, a middleware takes everything below it out of service.
    let manifest = manifest.replace("on_failure = \"bypass\"\n", "");
    let host = Host::start(&Site::new(&manifest, &["hello", "shaky"])).await;
    for _ in 0..3 {
        assert_eq!(host.get("/shaky").await.status(), 500);
    }
    breaker(&host, "open").await;
    assert_eq!(host.get("/").await.status(), 503);
}

const LIMITS: &str = "[limits]\nblock_report = \"500ms\"\nblock_limit = \"off\"\n";

#[tokio::test]
async fn blocking_handler_is_reported_while_it_blocks() {
    let site = Site::new(&format!("run = \"blocks\"\n{LIMITS}"), &["blocks"]);
    let host = Host::start(&site).await;
    let gate = Gate::close(&site);
    for path in ["/call/gate", "/body/gate", "/task/gate"] {
        let mut connection = host.connect().await;
        connection
            .send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"))
            .await;
        let blocked = host.event("blocked").await;
        assert_eq!(blocked.text("handler"), "blocks", "{path}: {blocked}");
        assert_eq!(blocked.number("generation"), Some(1), "{path}: {blocked}");
        gate.open();
        let unblocked = host.event("unblocked").await;
        assert!(
            unblocked.float("seconds") >= Some(0.5),
            "{path}: {unblocked}"
        );
        assert_eq!(connection.response().await.text(), "slept\n", "{path}");
    }
}

#[tokio::test]
async fn hung_worker_is_replaced_and_killed() {
    let manifest = "run = \"blocks\"\n[limits]\nblock_limit = \"1s\"\ndrain_timeout = \"100ms\"\n\
                    shutdown_timeout = \"100ms\"\n";
    let site = Site::new(manifest, &["blocks"]);
    let arguments = ["-p", "0", "-o", "127.0.0.1"];
    let mut command = Host::command(artifacts::stackup(), &site, &arguments);
    // With one thread, one request blocks the worker.
    let mut host = Host::spawn(command.env("TOKIO_WORKER_THREADS", "1"));
    host.ready().await;
    let mut stuck = host.connect().await;
    stuck
        .send("GET /call/3600000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    let hung = host.event("hung").await;
    assert_eq!(hung.text("handler"), "blocks", "{hung}");
    assert!(hung.float("seconds") >= Some(1.0), "{hung}");
    // It waits in the socket's queue until the next worker accepts it.
    let response = host.get("/").await;
    assert_eq!(response.text(), "slept\n");
    assert_ne!(host.next_worker().await, Some(host.worker()));
    let killed = |record: &Record| record.text("state") == "killed";
    let killed = host.log().take("worker that is killed", killed).await;
    assert_eq!(killed.number("number"), Some(1), "{killed}");
    assert!(stuck.closes().await);
    assert_eq!(host.get("/").await.text(), "slept\n");
    let renewed = |record: &Record| record.text("state") == "done";
    assert!(host.log().try_take(renewed).is_some());
    assert!(
        host.log().try_take(renewed).is_none(),
        "it renews only once"
    );
}

#[tokio::test]
async fn waiting_and_init_are_not_reported_as_blocking() {
    let manifest = |end: &str| {
        format!("run = {{ plugin = \"blocks\", config = {{ at_ends = {end} }} }}\n{LIMITS}")
    };
    let site = Site::new(&manifest("1500"), &["blocks"]);
    let host = Host::start(&site).await;
    assert_eq!(host.get("/wait/1500").await.text(), "slept\n");
    site.manifest(&manifest("1"));
    host.reload("swapped").await;
    host.event("drained").await;
    for event in ["blocked", "hung", "unblocked"] {
        let record = host.log().try_take(|record| record.event() == event);
        assert!(record.is_none(), "{event}:\n{}", host.log());
    }
}
