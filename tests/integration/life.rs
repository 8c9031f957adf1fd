//! The life of an instance: tried, serving, handing over, retiring.

use std::collections::BTreeSet;

use stackup_tests::log::Record;
use stackup_tests::{Host, Site};

fn manifest(config: &str) -> String {
    format!(
        "[limits]\nwarmup_timeout = \"1s\"\ndrain_timeout = \"5s\"\n[run]\nplugin = \"lives\"\nconfig = {{ {config} }}\n"
    )
}

async fn serving(config: &str) -> (Site, Host) {
    let site = Site::new(&manifest(config), &["lives", "stamp", "bad-init", "hello"]);
    let host = Host::start(&site).await;
    (site, host)
}

async fn swap(site: &Site, host: &Host, config: &str) {
    site.manifest(&manifest(config));
    host.reload("swapped").await;
}

fn file(site: &Site, name: &str) -> String {
    std::fs::read_to_string(site.path().join(name)).unwrap_or_default()
}

async fn failed(host: &Host, what: &str) -> Record {
    let record = host.event("life-failed").await;
    assert_eq!(
        (record.text("handler"), record.text("what")),
        ("lives", what),
        "{record}"
    );
    record
}

/// How often the log has this text so far.
fn log_count(host: &Host, text: &str) -> usize {
    host.log().to_string().matches(text).count()
}

#[tokio::test]
async fn tried_instance_runs_no_task_and_never_serves() {
    let (site, host) = serving("mark = 1").await;
    host.message("lives: 1 serves").await;
    host.message("lives: the task of 1 runs").await;
    assert_eq!(
        file(&site, "lives.txt"),
        "init 1 trial=true\ninit 1 trial=false\n"
    );
    assert_eq!(file(&site, "tasks.txt"), "task 1\n");
    // Its `init` succeeds in the worker too, but the stack is refused for another handler.
    site.manifest(&format!(
        "{}[[use]]\nplugin = \"stamp\"\n[[map]]\npath = \"/x\"\n[map.run]\nplugin = \"bad-init\"\nconfig.how = \"error\"\n",
        manifest("mark = 2")
    ));
    let refused =
        |record: &Record| record.event() == "reload" && record.text("outcome") == "refused";
    host.log().take("refusal", refused).await;
    host.message("lives: dropped 2").await;
    // Its own instance goes on: a new layer neither builds nor calls it.
    site.manifest(&format!(
        "{}[[use]]\nplugin = \"stamp\"\n",
        manifest("mark = 1")
    ));
    host.reload("swapped").await;
    assert_eq!(host.get("/").await.text(), "1\n");
    swap(&site, &host, "mark = 3").await;
    host.message("lives: 3 serves").await;
    assert_eq!(file(&site, "tasks.txt"), "task 1\ntask 3\n");
    assert_eq!(log_count(&host, "lives: 1 serves"), 1);
    assert_eq!(log_count(&host, "lives: 2 serves"), 0);
    let checked = site.stackup(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(file(&site, "tasks.txt"), "task 1\ntask 3\n");
    assert!(!file(&site, "lives.txt").ends_with("trial=false\n"));
}

#[tokio::test]
async fn count_continues_over_reloads_without_a_number_twice() {
    let (site, host) = serving("mark = 0").await;
    let clients = (0..4).map(|_| {
        let address = host.address().to_owned();
        tokio::spawn(async move {
            let mut connection = stackup_tests::Connection::tcp(&address).await;
            let mut numbers: Vec<u64> = Vec::new();
            loop {
                let response = connection.get("/").await;
                match response.status() {
                    200 => numbers.push(response.text().trim().parse().expect("a number")),
                    // It was on its way to the old instance when that gave its count away.
                    503 => {}
                    _ => return numbers,
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    for mark in 1..=5 {
        swap(&site, &host, &format!("mark = {mark}")).await;
        host.message(&format!("lives: {mark} serves")).await;
    }
    // The clients end at the first 404.
    site.manifest("[[map]]\npath = \"/hello\"\nrun = \"hello\"\n");
    host.reload("swapped").await;
    let (mut all, mut count) = (BTreeSet::new(), 0);
    for client in clients {
        let numbers = client.await.expect("the client ends");
        count += numbers.len();
        all.extend(numbers);
    }
    assert_eq!(all.len(), count, "a number was said twice");
    assert_eq!(all.last(), Some(&(count as u64)), "a number was left out");
}

#[tokio::test]
async fn fresh_instances_inherit_nothing() {
    let (_site, host) = serving("mark = 1").await;
    assert_eq!(host.get("/").await.text(), "1\n");
    assert_eq!(host.get("/").await.text(), "2\n");
    host.signal(rustix::process::Signal::HUP);
    host.reload("swapped").await;
    assert_eq!(host.get("/").await.text(), "1\n");
}

#[tokio::test]
async fn failures_in_the_calls_of_life_are_contained() {
    let (site, host) = serving("mark = 0, call = \"serving\", how = \"panic\"").await;
    let record = failed(&host, "serving").await;
    assert!(record.message().contains("serving panics"), "{record}");
    assert_eq!(host.get("/").await.text(), "1\n");
    swap(
        &site,
        &host,
        "mark = 1, call = \"serving\", how = \"error\"",
    )
    .await;
    let record = failed(&host, "serving").await;
    assert!(
        record.message().contains("serving does not work"),
        "{record}"
    );
    assert_eq!(host.get("/").await.text(), "2\n");
    swap(&site, &host, "mark = 2, call = \"serving\", how = \"hang\"").await;
    assert_eq!(host.get("/").await.text(), "3\n");
    let record = failed(&host, "serving").await;
    assert!(record.message().contains("has not returned"), "{record}");
    for (number, (call, how)) in [
        ("inherit", "panic"),
        ("inherit", "error"),
        ("inherit", "hang"),
        ("hand_over", "panic"),
        ("hand_over", "hang"),
    ]
    .into_iter()
    .enumerate()
    {
        let config = format!("mark = {}, call = \"{call}\", how = \"{how}\"", 3 + number);
        swap(&site, &host, &config).await;
        if call == "hand_over" {
            // It fails when it is replaced in turn.
            swap(&site, &host, &format!("mark = {}", 100 + number)).await;
        }
        failed(&host, call).await;
        assert_eq!(host.get("/").await.text(), "1\n", "{call}: {how}");
    }
}

#[tokio::test]
async fn retiring_instance_ends_its_streams_itself() {
    let (site, host) = serving("mark = 1").await;
    let mut stream = host.connect().await;
    stream
        .send("GET /until-retiring HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(stream.head().await.status, 200);
    assert_eq!(stream.chunk().await.expect("a line"), b"hello\n");
    // A reload that keeps it says nothing to it.
    site.manifest(&format!(
        "{}[[use]]\nplugin = \"stamp\"\n",
        manifest("mark = 1")
    ));
    host.reload("swapped").await;
    host.event("drained").await;
    swap(&site, &host, "mark = 2").await;
    assert_eq!(stream.chunk().await.expect("a line"), b"goodbye\n");
    assert_eq!(stream.chunk().await.expect("it ends"), b"");
    host.message("lives: dropped 1").await;
    assert_eq!(log_count(&host, "drain-deadline"), 0);
}

/// The worker that ends says so at once, not when its last requests have ended.
#[tokio::test]
async fn instance_of_a_worker_that_ends_is_retiring() {
    let (site, mut host) = serving("mark = 1").await;
    let mut stream = host.connect().await;
    stream
        .send("GET /until-retiring HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(stream.head().await.status, 200);
    assert_eq!(stream.chunk().await.expect("a line"), b"hello\n");
    let renewed = site.stackup(&["restart"]).await;
    assert_eq!(renewed.code, Some(0), "{renewed:?}");
    assert_eq!(stream.chunk().await.expect("a line"), b"goodbye\n");
    assert_eq!(stream.chunk().await.expect("it ends"), b"");
    host.signal(rustix::process::Signal::TERM);
    assert!(host.exited().await.success());
    assert_eq!(log_count(&host, "were aborted"), 0);
}
