//! The ends of guests: with their instance, their worker, their supervisor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::{Signal, kill_process};
use stackup_tests::{Connection, Host, Site, within};

use super::{answer, exists, gone, guard, kill, manifest, site};

#[tokio::test]
async fn guest_survives_a_renewal_under_load() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, guest) = answer(&host, "/").await;
    let (stop, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let clients = [(); 3].map(|()| {
        let (address, stop, asked) = (host.address().to_owned(), stop.clone(), asked.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let response = Connection::tcp(&address).await.get("/").await;
                assert_eq!(response.status(), 200, "{response}");
                assert_eq!(super::parse(&response.text()).1, guest);
                asked.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for _ in 0..2 {
        let said = site.stackup(&["restart"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        let before = asked.load(Ordering::Relaxed);
        within("requests after a renewal", async {
            while asked.load(Ordering::Relaxed) < before + 10 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client that lost nothing");
    }
    assert!(exists(guest));
}

#[tokio::test]
async fn guest_survives_the_crash_of_the_worker() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, guest) = answer(&host, "/").await;
    kill(host.worker());
    host.next_worker().await;
    assert_eq!(answer(&host, "/").await.1, guest);
    // The worker that has crashed needs it no more.
    site.manifest(&manifest("env = { A = \"b\" }"));
    host.reload("swapped").await;
    gone(guest).await;
}

#[tokio::test]
async fn guest_ends_with_stackup() {
    let Some(site) = site("") else { return };
    let mut host = Host::start(&site).await;
    let (_, guest) = answer(&host, "/").await;
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    assert!(!exists(guest));
}

#[tokio::test]
async fn guest_ends_itself_and_its_own_processes() {
    let Some(site) = site("") else { return };
    site.file("app/graceful", "");
    let mut host = Host::start(&site).await;
    let (_, guest) = answer(&host, "/").await;
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    assert!(!exists(guest));
    let has = |name: &str| site.path().join("app").join(name).exists();
    assert!(has("ended"), "it has got SIGTERM");
    assert!(!has("termed"), "its child has not");
}

#[tokio::test]
async fn guard_that_is_killed_takes_its_guest_along() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, guest) = answer(&host, "/").await;
    kill(guard(guest));
    gone(guest).await;
    assert_ne!(answer(&host, "/").await.1, guest);
}

#[tokio::test]
async fn signal_to_all_processes_leaves_a_guard() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, guest) = answer(&host, "/").await;
    let guard = guard(guest);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill_process(guard, signal).expect("it runs");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", guard.as_raw_nonzero()));
    let status = status.expect("it runs");
    // SIGHUP is 1, SIGINT 2, SIGTERM 15.
    assert!(status.contains("ShdPnd:\t0000000000004003"), "{status}");
    assert_eq!(answer(&host, "/").await.1, guest);
    assert!(exists(guard));
}

#[tokio::test]
async fn guest_that_ignores_sigterm_is_killed_after_its_time() {
    let Some(site) = site("stop_timeout = 0.3") else {
        return;
    };
    site.file("app/stubborn", "");
    let mut host = Host::start(&site).await;
    let (_, guest) = answer(&host, "/").await;
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    assert!(!exists(guest));
}

#[tokio::test]
async fn guest_dies_with_a_supervisor_that_is_killed() {
    let Some(site) = site("stop_timeout = 0.3") else {
        return;
    };
    site.file("app/stubborn", "");
    let host = Host::start(&site).await;
    let (_, guest) = answer(&host, "/").await;
    kill_process(host.pid(), Signal::KILL).expect("it runs");
    gone(guest).await;
}

/// The process of the one guest, and its age in seconds, as status says.
async fn process(site: &Site) -> (Option<i64>, f64) {
    let json = site.stackup(&["status", "--json"]).await.stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let process = &json["guests"][0]["processes"][0];
    let age = process["seconds"].as_f64();
    (process["pid"].as_i64(), age.expect("an age"))
}

#[tokio::test]
async fn guest_survives_an_upgrade() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, guest) = answer(&host, "/").await;
    let before = process(&site).await;
    let said = site.stackup(&["upgrade"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    host.event("upgraded").await;
    assert_eq!(answer(&host, "/").await.1, guest);
    let after = process(&site).await;
    assert_eq!(after.0, Some(guest.as_raw_nonzero().get().into()));
    assert!(
        after.0 == before.0 && after.1 >= before.1,
        "it is no new one"
    );
    // The new supervisor watches it, too.
    kill(guest);
    assert_ne!(answer(&host, "/").await.1, guest);
}
