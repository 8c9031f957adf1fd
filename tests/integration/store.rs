//! `cx.store()` in a running host: what survives a reload or a renewal, and what plugins share.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use stackup_tests::log::Record;
use stackup_tests::{Host, Site};

use crate::supervision::crash::stop;

fn manifest(mark: &str) -> String {
    format!("[run]\nplugin = \"tally\"\nconfig.mark = \"{mark}\"\n")
}

async fn text(host: &Host, path: &str) -> String {
    let response = host.get(path).await;
    assert_eq!(response.status(), 200, "{response}");
    response.text()
}

#[tokio::test]
async fn stored_values_survive_new_instances() {
    let site = Site::new(&manifest("a"), &["tally"]);
    let host = Host::start(&site).await;
    assert_eq!(text(&host, "/x").await, "a 1");
    assert_eq!(text(&host, "/x").await, "a 2");
    assert_eq!(text(&host, "/y").await, "a 1");
    site.manifest(&manifest("b"));
    host.reload("swapped").await;
    assert_eq!(text(&host, "/x").await, "b 3");
    // Everything is built again; the store is the host's.
    let said = site.stackup(&["reload", "--fresh"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(text(&host, "/x").await, "b 4");
}

#[tokio::test]
async fn namespaces_are_separate_unless_they_are_named() {
    let site = Site::new(
        "[run]\nplugin = \"tally\"\nconfig.namespace = \"shared\"\n\
         [[map]]\npath = \"/own\"\n[map.run]\nplugin = \"tally\"\n\
         [[map]]\npath = \"/bad\"\n[map.run]\nplugin = \"tally\"\nconfig.namespace = \"No Name\"\n",
        &["tally"],
    );
    let host = Host::start(&site).await;
    assert_eq!(text(&host, "/").await, " 1");
    assert_eq!(text(&host, "/own").await, " 1");
    assert_eq!(text(&host, "/").await, " 2");
    let refused = host.get("/bad").await;
    assert_eq!(refused.status(), 500, "{refused}");
    host.message("\"No Name\" is not allowed").await;
}

#[tokio::test]
async fn another_store_waits_for_a_restart() {
    let site = Site::new(&manifest("a"), &["tally"]);
    let host = Host::start(&site).await;
    assert_eq!(text(&host, "/").await, "a 1");
    site.manifest(&format!("{}[store]\nmemory = \"2MiB\"\n", manifest("a")));
    host.message("`memory` of `[store]` has changed").await;
    assert_eq!(text(&host, "/").await, "a 2");
    restart(&site).await;
    assert_eq!(
        text(&host, "/").await,
        "a 3",
        "its entries are in the new one"
    );
}

async fn restart(site: &Site) {
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[tokio::test]
async fn entries_go_over_to_the_next_worker() {
    let warmed = format!("warmup = [\"/x\"]\n{}", manifest("a"));
    let site = Site::new(&warmed, &["tally"]);
    let host = Host::start(&site).await;
    // The warm-up was the first request.
    assert_eq!(text(&host, "/x").await, "a 2");
    assert_eq!(text(&host, "/y").await, "a 1");
    for count in 3..6 {
        restart(&site).await;
        assert_eq!(text(&host, "/x").await, format!("a {count}"));
    }
    let said = site.stackup(&["upgrade"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    host.event("upgraded").await;
    assert_eq!(text(&host, "/x").await, "a 6");
    restart(&site).await;
    assert_eq!(text(&host, "/x").await, "a 7");
    assert_eq!(text(&host, "/y").await, "a 2");
    let lost = |record: &Record| record.event() == "store-lost";
    assert!(host.log().try_take(lost).is_none(), "{}", host.log());
}

#[tokio::test]
async fn no_count_from_before_a_restart_is_lost() {
    let site = Site::new(&manifest("a"), &["tally"]);
    let host = Host::start(&site).await;
    let count = async || -> u64 {
        let text = text(&host, "/").await;
        text.strip_prefix("a ")
            .expect("a mark")
            .parse()
            .expect("a count")
    };
    for _ in 0..5 {
        let mut acknowledged = 0;
        for _ in 0..20 {
            acknowledged = count().await;
        }
        let restarted = AtomicBool::new(false);
        let requests = async {
            while !restarted.load(Relaxed) {
                let next = count().await;
                assert!(next > acknowledged, "{next} after {acknowledged}");
            }
        };
        let restart = async {
            restart(&site).await;
            restarted.store(true, Relaxed);
        };
        tokio::join!(requests, restart);
        assert!(count().await > acknowledged);
    }
}

#[tokio::test]
async fn store_of_a_stopped_worker_is_lost() {
    let never_killed = format!("{}[limits]\nworker_timeout = \"off\"\n", manifest("a"));
    let site = Site::new(&never_killed, &["tally"]);
    let host = Host::start(&site).await;
    assert_eq!(text(&host, "/").await, "a 1");
    assert_eq!(text(&host, "/").await, "a 2");
    stop(host.worker()).await;
    restart(&site).await;
    let lost = host.event("store-lost").await;
    let expected = "worker 2 begins with an empty store: a signal has stopped the old worker";
    assert_eq!(lost.message(), expected);
    assert_eq!(text(&host, "/").await, "a 1");
}
