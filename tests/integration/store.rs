//! `cx.store()` in a running host: what survives a reload or a renewal, and what plugins share.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid as Thread;
use rustix::process::Pid;
use stackup_tests::log::Record;
use stackup_tests::{Gate, Host, Site, artifacts, print_skipped, within};

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

/// Holds all threads of a process, as a debugger does: it is not stopped by a signal, and does nothing.
struct Held(Vec<Thread>);

impl Held {
    /// None without the right to do that.
    fn hold(process: Pid) -> Option<Self> {
        let threads = format!("/proc/{}/task", process.as_raw_nonzero());
        let mut held = Self(Vec::new());
        loop {
            let before = held.0.len();
            for entry in fs::read_dir(&threads).expect("it is there") {
                let name = entry.expect("an entry").file_name();
                let number = name.to_str().and_then(|name| name.parse().ok());
                let thread = Thread::from_raw(number.expect("a number"));
                if held.0.contains(&thread) {
                    continue;
                }
                match ptrace::attach(thread) {
                    Ok(()) => held.0.push(thread),
                    // It has ended.
                    Err(Errno::ESRCH) => continue,
                    Err(_) => return None,
                }
                waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it is held");
            }
            // One that was not held yet may have started another.
            if held.0.len() == before {
                return Some(held);
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for thread in &self.0 {
            let _ = ptrace::detach(*thread, None);
        }
    }
}

#[tokio::test]
async fn store_of_a_worker_that_does_not_write_it_is_lost_after_two_seconds() {
    let manifest = format!(
        "warmup = [\"/slow/call/gate\"]\n{}[limits]\nworker_timeout = \"off\"\n\
         [[map]]\npath = \"/slow\"\nrun = \"blocks\"\n",
        manifest("a")
    );
    let site = Site::new(&manifest, &["tally", "blocks"]);
    let gate = Gate::close(&site);
    let warmed_up = || {
        within("a warm-up", async {
            while !gate.try_open() {
                tokio::task::yield_now().await
            }
        })
    };
    let mut host = Host::launch(artifacts::stackup(), &site, &["-p", "0", "-o", "127.0.0.1"]);
    warmed_up().await;
    host.ready().await;
    assert_eq!(text(&host, "/").await, "a 1");
    let lost = async {
        within("another worker", async {
            while !site
                .stackup(&["status"])
                .await
                .stdout
                .contains("is starting")
            {}
        })
        .await;
        let held = Held::hold(host.worker());
        warmed_up().await;
        let Some(held) = held else {
            return print_skipped("it may not hold a process");
        };
        let lost = host.event("store-lost").await;
        let expected = "worker 2 begins with an empty store: the old worker did not write it within 2s (a debugger holds it, \
                        or its core is being written)";
        assert_eq!(lost.message(), expected);
        // The new one serves while the old one still can't do anything.
        assert_eq!(text(&host, "/").await, "a 1");
        drop(held);
    };
    tokio::join!(restart(&site), lost);
}
