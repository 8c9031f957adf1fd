//! `[store] engine = "redis"` in a running host, if `redis-server` is installed.

use rustix::process::{Signal, kill_process};
use stackup_tests::{Host, RedisServer, Site};

fn manifest(store: &str) -> String {
    format!("[run]\nplugin = \"tally\"\n\n{store}")
}

fn in_redis(server: &RedisServer) -> String {
    manifest(&format!(
        "[store]\nengine = \"redis\"\nurl = \"{}\"\ntimeout = \"60s\"\n",
        server.url()
    ))
}

async fn count(host: &Host) -> String {
    let response = host.get("/").await;
    assert_eq!(response.status(), 200, "{response}");
    response.text()
}

#[tokio::test]
async fn entries_are_shared_and_outlive_workers() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let site = Site::new(&in_redis(&server), &["tally"]);
    let host = Host::start(&site).await;
    assert_eq!(count(&host).await, " 1");
    let other_site = Site::new(&in_redis(&server), &["tally"]);
    let other = Host::start(&other_site).await;
    assert_eq!(count(&other).await, " 2");
    kill_process(host.worker(), Signal::KILL).expect("it is there");
    host.next_worker().await;
    assert_eq!(count(&host).await, " 3");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(count(&host).await, " 4");
}

#[tokio::test]
async fn reload_changes_the_engine() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let site = Site::new(&manifest(""), &["tally"]);
    let host = Host::start(&site).await;
    assert_eq!(count(&host).await, " 1");
    assert_eq!(count(&host).await, " 2");
    site.manifest(&in_redis(&server));
    host.reload("swapped").await;
    assert_eq!(count(&host).await, " 1");
    site.manifest(&manifest("[store]\nmemory = \"1MiB\"\n"));
    host.reload("swapped").await;
    assert_eq!(count(&host).await, " 1");
}

#[tokio::test]
async fn redis_that_is_away_is_reported_once() {
    let Some(mut server) = RedisServer::start_durable() else {
        return;
    };
    let site = Site::new(&in_redis(&server), &["tally"]);
    let host = Host::start(&site).await;
    assert_eq!(count(&host).await, " 1");
    server.kill();
    host.event("store-away").await;
    for _ in 0..20 {
        let failed = host.get("/").await;
        assert_eq!(failed.status(), 503, "{failed}");
    }
    let status = site.stackup(&["status"]).await.stdout;
    assert!(
        status.contains("the store is unavailable: Redis at /"),
        "{status}"
    );
    server.start_again();
    host.event("store-back").await;
    assert_eq!(count(&host).await, " 2");
    let status = site.stackup(&["status"]).await.stdout;
    assert!(status.contains("\n  store: Redis at /"), "{status}");
    let again = host.log().try_take(|record| record.event() == "store-away");
    assert!(again.is_none(), "{}", host.log());
}
