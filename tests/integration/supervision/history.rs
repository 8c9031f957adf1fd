//! Stacks that have served: `stackup history`, `diff` and `rollback`.

use std::fs;

use stackup_tests::{Host, Site};

use super::{FAULTY, code, crash_worker, prove, start, swap, wait_for_reload};

async fn said(site: &Site, arguments: &[&str]) -> String {
    let said = site.stackup(arguments).await;
    assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
    said.stdout
}

async fn refusal(site: &Site, arguments: &[&str]) -> String {
    let said = site.stackup(arguments).await;
    assert_eq!(said.code, Some(1), "{arguments:?}: {said:?}");
    said.stderr
}

/// Rolls back, and waits until the next worker has refused the stack on disk.
async fn roll_back(site: &Site, host: &Host, arguments: &[&str]) {
    let said = said(site, arguments).await;
    assert!(said.contains("an earlier stack serves again"), "{said}");
    host.next_worker().await;
    let refused = wait_for_reload(host, "refused").await;
    let error = refused.text("error");
    assert!(error.contains("`stackup rollback` replaced it"), "{error}");
}

#[tokio::test]
async fn earlier_stacks_serve_again_until_the_disk_changes() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    let none = refusal(&site, &["rollback"]).await;
    assert!(none.contains("no other one has served"), "{none}");
    for next in 2..4 {
        swap(&site, &host, next, "none").await;
        prove(&host).await;
    }
    let history = said(&site, &["history"]).await;
    let lines: Vec<_> = history.lines().collect();
    assert!(
        lines[0].starts_with("generation 3 has served for "),
        "{history}"
    );
    assert!(lines[1].starts_with("  ~ run faulty (code "), "{history}");
    assert!(
        lines[2].starts_with("generation 2 served for "),
        "{history}"
    );
    assert_eq!(said(&site, &["diff"]).await, "no changes\n");

    roll_back(&site, &host, &["rollback"]).await;
    assert_eq!(code(&host).await, 2);
    let ahead = said(&site, &["diff"]).await;
    assert_eq!(ahead, said(&site, &["diff", "4", "3"]).await);
    assert!(
        ahead.starts_with("~ run faulty (code ") && ahead.lines().count() == 1,
        "{ahead}"
    );
    // The stack on disk stays refused after another probation, for a new worker and for the next program.
    prove(&host).await;
    let refused = refusal(&site, &["restart"]).await;
    assert!(
        refused.contains("by the stack of generation 2"),
        "{refused}"
    );
    said(&site, &["upgrade"]).await;
    host.next_worker().await;
    wait_for_reload(&host, "refused").await;
    assert_eq!(code(&host).await, 2);

    // Once more goes further back, without the files that were saved.
    fs::remove_dir_all(site.runtime()).expect("it was there");
    fs::create_dir(site.runtime()).expect("a folder");
    roll_back(&site, &host, &["rollback"]).await;
    assert_eq!(code(&host).await, 1);
    let history = said(&site, &["history"]).await;
    assert!(
        history.contains("\n  the stack of generation 1 again\n"),
        "{history}"
    );
    assert!(
        history.contains("\n  rolled back: `stackup rollback` replaced it"),
        "{history}"
    );
    let none = refusal(&site, &["rollback"]).await;
    assert!(none.contains("or it was rolled back"), "{none}");
    let unknown = refusal(&site, &["rollback", "17"]).await;
    assert!(unknown.contains("generation 17 is not kept"), "{unknown}");

    // A change of the disk is served.
    swap(&site, &host, 4, "none").await;
    assert_eq!(code(&host).await, 4);
    let said = said(&site, &["rollback", "3"]).await;
    assert!(said.contains("an earlier stack"), "{said}");
    assert_eq!(code(&host).await, 3);
}

#[tokio::test]
async fn earlier_stack_that_crashes_gives_way_to_the_one_it_replaced() {
    let (site, host) = start(FAULTY, 1, "segv").await;
    prove(&host).await;
    swap(&site, &host, 2, "none").await;
    prove(&host).await;
    roll_back(&site, &host, &["rollback"]).await;
    assert_eq!(code(&host).await, 1);
    let crash = crash_worker(&host).await;
    assert!(
        crash.to_string().contains("\"rolled_back\":true"),
        "{crash}"
    );
    assert_eq!(code(&host).await, 2);
    assert_eq!(said(&site, &["diff"]).await, "no changes\n");
}

#[tokio::test]
async fn earlier_manifest_serves_again() {
    let with = |stack: &str| format!("{stack}\n[limits]\ndrain_timeout = \"1s\"\n");
    let site = Site::new(
        &with(
            "use = [{ plugin = \"headers\", config = { set = { x-is = \"one\" } } }]\nrun = \"hello\"",
        ),
        &["headers", "hello"],
    );
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.header("x-is"), Some("one"));
    site.manifest(&with("run = \"hello\"\n[metrics]"));
    wait_for_reload(&host, "swapped").await;
    assert_eq!(host.get("/").await.header("x-is"), None);
    let changes = said(&site, &["diff", "1"]).await;
    assert_eq!(changes, "- use headers\n+ [metrics]\n");
    // What would be refused is no difference, but an error.
    site.manifest("run = \"helo\"\n");
    wait_for_reload(&host, "refused").await;
    let error = refusal(&site, &["diff"]).await;
    assert!(error.contains("did you mean `hello`?"), "{error}");
    said(&site, &["rollback"]).await;
    assert_eq!(host.get("/").await.header("x-is"), Some("one"));
}
