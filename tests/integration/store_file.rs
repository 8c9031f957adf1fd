//! `[store] engine = "file"` in a running host.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use rustix::process::{Signal, kill_process};
use stackup_tests::{Host, Site};

fn manifest(path: &str) -> String {
    format!("[run]\nplugin = \"tally\"\n\n[store]\nengine = \"file\"\npath = \"{path}\"\n")
}

async fn count(host: &Host) -> u64 {
    let response = host.get("/").await;
    assert_eq!(response.status(), 200, "{response}");
    response.text().trim().parse().expect("a count")
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_workers_that_are_killed_or_replaced() {
    let site = Site::new(&manifest("store.redb"), &["tally"]);
    let host = Host::start(&site).await;
    let mut worker = host.worker();
    for round in 0..4 {
        let mut acknowledged = 0;
        for _ in 0..5 {
            acknowledged = count(&host).await;
        }
        let replaced = AtomicBool::new(false);
        let requests = async {
            while !replaced.load(Relaxed) {
                let next = count(&host).await;
                assert!(next > acknowledged, "{next} after {acknowledged}");
                acknowledged = next;
            }
        };
        // Two workers have the file open.
        let replace = async {
            let said = site.stackup(&["restart"]).await;
            assert_eq!(said.code, Some(0), "{said:?}");
            replaced.store(true, Relaxed);
        };
        tokio::join!(requests, replace);
        if let Some(next) = host.next_worker().await {
            worker = next;
        }
        kill_process(worker, Signal::KILL).expect("it is there");
        worker = host.next_worker().await.expect("another one serves");
        assert!(count(&host).await > acknowledged, "round {round}");
    }
    let lost = host.log().try_take(|record| record.event() == "store-lost");
    assert!(lost.is_none(), "{}", host.log());
}

#[tokio::test]
async fn file_that_is_no_store_refuses_the_reload() {
    let site = Site::new("[run]\nplugin = \"tally\"\n", &["tally"]);
    site.file("prices.csv", "tea,3\n");
    let host = Host::start(&site).await;
    assert_eq!(count(&host).await, 1);
    site.manifest(&manifest("prices.csv"));
    let refused = host.reload("refused").await;
    assert_eq!(refused.text("stage"), "store");
    let why = "prices.csv` can't be used: it is no store of stackup";
    assert!(refused.message().contains(why), "{refused}");
    assert_eq!(
        fs::read(site.path().join("prices.csv")).unwrap(),
        b"tea,3\n"
    );
    assert_eq!(count(&host).await, 2, "the old engine serves");
    site.manifest(&manifest("store.redb"));
    host.reload("swapped").await;
    assert_eq!(count(&host).await, 1);
}

#[tokio::test]
async fn store_is_listed_shown_and_cleared_by_commands() {
    let site = Site::new(&manifest("store.redb"), &["tally"]);
    let host = Host::start(&site).await;
    for _ in 0..3 {
        count(&host).await;
    }
    let run = async |arguments: &[&str]| {
        let said = site.stackup(&[&["store"], arguments].concat()).await;
        (said.code, said.stdout.trim_end().to_owned(), said.stderr)
    };
    let (code, listed, _) = run(&["list"]).await;
    assert_eq!((code, &*listed), (Some(0), "tally  1 entry  2 bytes"));
    assert_eq!(run(&["list", "tally"]).await.1, "/  1 byte");
    assert_eq!(run(&["get", "tally", "/"]).await.1, "3");
    let (code, _, why) = run(&["get", "tally", "/none"]).await;
    assert_eq!(code, Some(1));
    assert!(why.contains("no entry `/none` in `tally`"), "{why}");
    let json: serde_json::Value =
        serde_json::from_str(&run(&["get", "tally", "/", "--json"]).await.1).expect("JSON");
    assert_eq!((&json["value"], &json["bytes"]), (&"3".into(), &1.into()));
    assert_eq!(
        run(&["clear", "tally"]).await.1,
        "deleted 1 entry of `tally`"
    );
    assert_eq!(count(&host).await, 1);
    assert_eq!(run(&["delete", "tally", "/"]).await.0, Some(0));
    assert_eq!(run(&["list"]).await.1, "the store is empty");
}
