//! `stackup cache`: what is stored, why, and purges.

use stackup_tests::{Host, RedisServer, Site};

use super::{ask, serve};

const FRESH: &str = "header=cache-control:max-age=600";

/// The `cache-status` of a GET.
async fn status(host: &Host, target: &str) -> String {
    let mut connection = host.connect().await;
    let response = ask(&mut connection, &format!("GET {target}"), &[]).await;
    response
        .header("cache-status")
        .unwrap_or_default()
        .to_owned()
}

/// What `stackup cache` prints with these arguments.
async fn cache(site: &Site, arguments: &[&str]) -> String {
    let all = [&["cache"], arguments].concat();
    let said = site.stackup(&all).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    said.stdout.trim_end().to_owned()
}

#[tokio::test]
async fn stored_responses_are_listed_explained_and_purged() {
    let (site, host) = serve("\"cache\"", &["cache"]).await;
    let fresh = format!("/?body=a&{FRESH}");
    let private = "/?body=b&header=cache-control:private";
    assert!(status(&host, &fresh).await.ends_with("; stored"));
    assert!(status(&host, private).await.contains("private"));

    // `ask` sends `host: test`.
    let listed = cache(&site, &["list"]).await;
    assert!(listed.ends_with(&format!("http://test{fresh}")), "{listed}");
    assert_eq!(listed.lines().count(), 1, "{listed}");
    let why = cache(&site, &["why", &format!("http://test{fresh}")]).await;
    assert!(why.contains("it is fresh (RFC 9111 §4.2)"), "{why}");
    let demanding = [
        "why",
        &format!("http://test{fresh}"),
        "-H",
        "cache-control: no-cache",
    ];
    let why = cache(&site, &demanding).await;
    assert!(
        why.contains("no-cache in the request (RFC 9111 §5.2.1.4)"),
        "{why}"
    );
    // A task keeps the reason.
    let url = format!("http://test{private}");
    let why = loop {
        let why = cache(&site, &["why", &url]).await;
        if why.contains("not stored") {
            break why;
        }
    };
    assert!(
        why.contains("with status 200: private (RFC 9111 §5.2.2.7)"),
        "{why}"
    );

    let purged = cache(&site, &["purge", &format!("http://test{fresh}")]).await;
    assert_eq!(purged, format!("1 response purged for http://test{fresh}"));
    assert!(status(&host, &fresh).await.contains("fwd=uri-miss"));
    let marked = cache(&site, &["purge", "--prefix", "http://test/", "--soft"]).await;
    assert_eq!(marked, "1 response marked stale for http://test/…");
    assert!(status(&host, &fresh).await.contains("fwd=stale"));
    let none = site.stackup(&["cache", "purge"]).await;
    assert_eq!(none.code, Some(2), "{none:?}");
}

#[tokio::test]
async fn response_on_its_way_is_not_stored_after_a_purge() {
    let manifest = "use = [\"cache\", { plugin = \"headers\", config = { set = { cache-control = \"max-age=600\" } } }]\nrun = \"probe\"\n";
    let (site, host) = super::serve_site(manifest, &["cache", "headers", "probe"]).await;
    let mut client = host.connect().await;
    client
        .send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    client.head().await;
    assert_eq!(client.chunk().await.unwrap(), b"begun\n");
    let purged = cache(&site, &["purge", "--prefix", "http://test/"]).await;
    assert_eq!(purged, "nothing is stored for http://test/…");
    host.get("/let-go").await;
    assert_eq!(client.chunk().await.unwrap(), b"ended\n");
    // Until the fill has ended, others read along with it.
    let status = loop {
        let mut other = host.connect().await;
        other.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        let head = other.head().await;
        let status = head.header("cache-status").unwrap_or_default().to_owned();
        if !status.contains("collapsed") {
            break status;
        }
    };
    assert!(status.contains("fwd=uri-miss"), "{status}");
}

#[tokio::test]
async fn purge_on_one_machine_is_seen_by_another() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let manifest = format!(
        "use = [\"cache\"]\nrun = \"answers\"\n[store]\nengine = \"redis\"\nurl = \"{}\"\ntimeout = \"60s\"\n",
        server.url()
    );
    let plugins = ["cache", "answers"];
    let (one, other) = (
        Site::new(&manifest, &plugins),
        Site::new(&manifest, &plugins),
    );
    let (on_one, on_other) = (Host::start(&one).await, Host::start(&other).await);
    let target = format!("/?body=a&header=cache-groups:%22g%22&{FRESH}");
    assert!(status(&on_one, &target).await.ends_with("; stored"));
    assert!(status(&on_other, &target).await.contains("; hit"));
    let purged = cache(&one, &["purge", "--group", "g"]).await;
    assert_eq!(purged, "1 response purged of the group \"g\"");
    assert!(status(&on_other, &target).await.contains("fwd=uri-miss"));
}
