//! `cache` in a running host: reloads, many clients, invalidation.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stackup_tests::log::Record;
use stackup_tests::{Host, Site, print_skipped};

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
async fn parts_of_variants_never_mix() {
    let manifest = "use = [\"cache\", { plugin = \"headers\", config = { set = { cache-control = \"max-age=600\", vary = \"accept-language\" } } }]\n\
                    run = { plugin = \"files\", config = { root = \".\" } }\n";
    let (site, host) = serve_site(manifest, &["cache", "headers", "files"]).await;
    site.file("text", "0123456789");
    let mut connection = host.connect().await;
    let mut get = async |language: &str, range: &str| {
        let language = format!("accept-language: {language}");
        let lines = [&*language, range];
        let lines = lines.into_iter().filter(|line| !line.is_empty());
        let lines: Vec<_> = lines.collect();
        let response = ask(&mut connection, "GET /text", &lines).await;
        let status = response.header("cache-status").unwrap_or_default();
        (response.status(), status.to_owned(), response.text())
    };
    let (first, last) = ("range: bytes=0-4", "range: bytes=5-");
    let (status, cached, text) = get("de", first).await;
    assert_eq!((status, &*text), (206, "01234"));
    assert!(
        cached.contains("a part that can't be put together"),
        "{cached}"
    );
    let (_, cached, text) = get("en", last).await;
    assert_eq!(text, "56789");
    assert!(cached.contains("fwd=uri-miss"), "{cached}");
    let (status, cached, text) = get("de", "").await;
    assert_eq!((status, &*text), (200, "0123456789"));
    assert!(
        cached.contains("fwd=uri-miss") && cached.ends_with("; stored"),
        "{cached}"
    );
    let (status, cached, text) = get("de", last).await;
    assert_eq!((status, &*text), (206, "56789"));
    assert!(cached.contains("; hit"), "{cached}");
    let (status, cached, _) = get("en", last).await;
    assert_eq!(status, 206);
    assert!(cached.contains("fwd=vary-miss"), "{cached}");
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
async fn thousand_clients_of_a_cold_stream_cause_one_request() {
    const CLIENTS: usize = 1000;
    if !more_files(2 * CLIENTS as u64) {
        print_skipped("not enough descriptors for a thousand clients; raise `ulimit -Hn`");
        return;
    }
    let manifest = "use = [\"cache\", { plugin = \"headers\", config = { set = { cache-control = \"max-age=60\" } } }]\n\
                    run = \"probe\"\n";
    let (_site, host): (Site, Host) = serve_site(manifest, &["cache", "headers", "probe"]).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = host.connect().await;
        client
            .send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n")
            .await;
        clients.push(client);
    }
    // All have begun before the origin goes on.
    let mut stored = 0;
    for client in &mut clients {
        let head = client.head().await;
        let status = head.header("cache-status").unwrap_or_default();
        stored += usize::from(status.ends_with("; stored"));
        assert_eq!(client.chunk().await.expect("a chunk"), b"begun\n");
    }
    assert_eq!(stored, 1);
    host.message("probe: a stream is held").await;
    host.get("/let-go").await;
    for client in &mut clients {
        assert_eq!(client.chunk().await.expect("a chunk"), b"ended\n");
        assert!(client.chunk().await.expect("the end").is_empty());
    }
    let again = |record: &Record| record.message().contains("a stream is held");
    assert!(host.log().try_take(again).is_none(), "{}", host.log());
}

/// Whether this process may open so many files.
fn more_files(count: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let more = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    limit.maximum.is_none_or(|most| most >= count) && setrlimit(Resource::Nofile, more).is_ok()
}
