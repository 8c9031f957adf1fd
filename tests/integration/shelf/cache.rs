//! `cache` in a running host: reloads, many clients, invalidation.

use stackup_tests::log::Record;
use stackup_tests::{Host, Site};

use super::{ask, serve, serve_site};

const FRESH: &str = "header=cache-control:max-age=600";

#[tokio::test]
async fn entries_stay_when_the_stack_is_reloaded() {
    let (site, host) = serve("\"cache\"", &["cache", "headers"]).await;
    let mut connection = host.connect().await;
    let target = format!("GET /?body=hello&{FRESH}");
    let first = ask(&mut connection, &target, &[]).await;
    let status = first.header("cache-status").unwrap();
    assert!(
        status.starts_with("stackup; fwd=uri-miss; ttl="),
        "{status}"
    );
    assert!(status.ends_with("; stored"), "{status}");
    // Another instance, and another cache of the same namespace.
    site.manifest(
        "use = [\"headers\", { plugin = \"cache\", config = { keep = 1 } }]\nrun = \"answers\"\n",
    );
    host.reload("swapped").await;
    let second = ask(&mut connection, &target, &[]).await;
    let status = second.header("cache-status").unwrap();
    assert!(status.starts_with("stackup; hit; ttl="), "{status}");
    assert!(second.header("age").is_some());
    assert_eq!(second.text(), "hello");
    let head = ask(&mut connection, &target.replace("GET", "HEAD"), &[]).await;
    assert_eq!(head.header("content-length"), Some("5"));
    let part = ask(&mut connection, &target, &["range: bytes=1-2"]).await;
    assert_eq!((part.status(), &*part.text()), (206, "el"));
    let post = ask(
        &mut connection,
        &target.replace("GET", "POST"),
        &["content-length: 0"],
    )
    .await;
    assert_eq!(post.status(), 200);
    let after = ask(&mut connection, &target, &[]).await;
    let status = after.header("cache-status").unwrap();
    assert!(status.starts_with("stackup; fwd=uri-miss"), "{status}");
}

#[tokio::test]
async fn stale_response_is_sent_while_another_is_fetched() {
    let (_site, host) = serve("\"cache\"", &["cache"]).await;
    let mut connection = host.connect().await;
    // It is stale on arrival.
    let target =
        "GET /?body=a&header=age:90&header=cache-control:max-age=60,stale-while-revalidate=600";
    let first = ask(&mut connection, target, &[]).await;
    let status = first.header("cache-status").unwrap();
    assert!(
        status.starts_with("stackup; fwd=uri-miss; ttl=-3"),
        "{status}"
    );
    host.message("answers: GET /").await;
    let second = ask(&mut connection, target, &[]).await;
    let status = second.header("cache-status").unwrap();
    assert!(status.starts_with("stackup; hit; ttl=-3"), "{status}");
    assert!(status.contains("stale-while-revalidate"), "{status}");
    assert_eq!(second.text(), "a");
    host.message("answers: GET /").await;
}

#[tokio::test]
async fn fetch_survives_its_client_until_the_drain_deadline() {
    let manifest =
        |app| format!("use = [\"cache\"]\nrun = \"{app}\"\n[limits]\ndrain_timeout = \"100ms\"\n");
    let (site, host) = serve_site(&manifest("probe"), &["cache", "probe", "hello"]).await;
    let mut left = host.connect().await;
    left.send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.message("probe: waiting").await;
    drop(left);
    host.message("probe: finished /wait").await;
    let dropped = |record: &Record| record.message().contains("probe: dropped the wait");
    assert!(host.log().try_take(dropped).is_none(), "{}", host.log());
    site.manifest(&manifest("hello"));
    host.reload("swapped").await;
    let deadline = host.event("drain-deadline").await;
    let held_by = deadline.text("held_by");
    assert!(held_by.starts_with("GET /wait, waiting for "), "{held_by}");
    host.message("probe: dropped the wait").await;
    host.event("drained").await;
}

#[tokio::test]
async fn many_clients_of_a_cold_stream_cause_one_request() {
    // `probe` echoes what it is sent, chunk by chunk, and `headers` makes it cacheable.
    let manifest = "use = [\"cache\", { plugin = \"headers\", config = { set = { cache-control = \"max-age=60\" } } }]\n\
                    run = \"probe\"\n";
    let (_site, host): (Site, Host) = serve_site(manifest, &["cache", "headers", "probe"]).await;
    let target = "GET /sleep?ms=50";
    let asked = (0..50).map(|_| {
        let host = &host;
        async move {
            let mut connection = host.connect().await;
            let response = ask(&mut connection, target, &[]).await;
            assert_eq!(response.text(), "slept\n");
            response.header("cache-status").unwrap().to_owned()
        }
    });
    let mut all = Vec::new();
    let mut tasks: Vec<_> = asked.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        tasks.retain_mut(|task| match task.as_mut().poll(cx) {
            std::task::Poll::Ready(status) => {
                all.push(status);
                false
            }
            std::task::Poll::Pending => true,
        });
        match tasks.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    let stored = all
        .iter()
        .filter(|status| status.contains("stored"))
        .count();
    assert_eq!((all.len(), stored), (50, 1), "{all:?}");
}
