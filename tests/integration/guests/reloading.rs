//! New code and other options: another process takes over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stackup_tests::{Connection, Host};

use super::{answer, gone, manifest, site};

/// Asks on one connection until it is stopped; each answer must come.
async fn client(address: String, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut connection = Connection::tcp(&address).await;
        let response = connection.get("/").await;
        assert_eq!(response.status(), 200, "{response}");
        let (version, _) = super::parse(&response.text());
        if seen.last() != Some(&version) {
            seen.push(version);
        }
    }
    seen
}

#[tokio::test]
async fn save_below_its_directory_moves_requests_over_and_loses_none() {
    let Some(site) = site("") else { return };
    let host = Host::start_in("development", &site).await;
    let stop = Arc::<AtomicBool>::default();
    let clients = [(); 3].map(|()| tokio::spawn(client(host.address().to_owned(), stop.clone())));
    let (_, first) = answer(&host, "/").await;
    site.file("app/version.txt", "2");
    let outdated = super::guest_event(&host, "outdated").await;
    assert_eq!(outdated.text("file"), "version.txt", "{outdated}");
    host.reload("swapped").await;
    let (version, second) = answer(&host, "/").await;
    assert_eq!(version, "2");
    gone(first).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        let seen = client.await.expect("a client that lost nothing");
        assert!(
            seen == ["1", "2"] || seen == ["2"] || seen == ["1"],
            "{seen:?}"
        );
    }
    // What programs write while they run is no new code.
    site.file("app/tmp/cache", "x");
    site.file("app/own.log", "x");
    site.manifest(&(manifest("") + "[limits]\nbody_bytes = 1000\n"));
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.1, second);
}

#[tokio::test]
async fn guest_that_reloads_itself_is_not_watched() {
    let Some(site) = site("watch = false") else {
        return;
    };
    let host = Host::start_in("development", &site).await;
    let (_, first) = answer(&host, "/").await;
    site.file("app/version.txt", "2");
    site.manifest(&manifest("watch = false\nretries = 3"));
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.1, first);
}

#[tokio::test]
async fn directory_that_leads_elsewhere_is_another_guest() {
    let Some(site) = site("") else { return };
    let releases = ["app", "next"].map(|name| site.path().join(name));
    std::fs::create_dir(&releases[1]).expect("a folder");
    site.file("next/version.txt", "2");
    let current = site.path().join("current");
    std::os::unix::fs::symlink(&releases[0], &current).expect("a link");
    site.manifest(&manifest("").replace("\"app\"", "\"current\""));
    let host = Host::start(&site).await;
    let (_, first) = answer(&host, "/").await;
    std::fs::remove_file(&current).expect("the link");
    std::os::unix::fs::symlink(&releases[1], &current).expect("a link");
    let said = site.stackup(&["reload"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(answer(&host, "/").await.0, "2");
    gone(first).await;
}

#[tokio::test]
async fn save_that_does_not_start_leaves_the_old_one_serving() {
    let Some(site) = site("") else { return };
    let host = Host::start_in("development", &site).await;
    let (_, first) = answer(&host, "/").await;
    site.file("app/fail", "");
    let refused = host.reload("refused").await;
    let error = refused.text("error");
    assert!(
        error.contains("boom") && error.contains("line 29."),
        "{error}"
    );
    assert!(!error.contains("line 5."), "the last lines only: {error}");
    assert_eq!(answer(&host, "/").await.1, first);
    std::fs::remove_file(site.path().join("app/fail")).expect("a file");
    // With the files as they were, the process that serves is the right one.
    host.reload("unchanged").await;
    assert_eq!(answer(&host, "/").await.1, first);
    site.file("app/version.txt", "2");
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.0, "2");
}

#[tokio::test]
async fn save_that_mends_a_guest_which_has_never_started_is_seen() {
    let Some(site) = site("") else { return };
    std::fs::create_dir(site.path().join("next")).expect("a folder");
    site.file("next/version.txt", "2");
    site.file("next/fail", "");
    let host = Host::start_in("development", &site).await;
    site.manifest(&manifest("").replace("\"app\"", "\"next\""));
    host.reload("refused").await;
    std::fs::remove_file(site.path().join("next/fail")).expect("a file");
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.0, "2");
}

#[tokio::test]
async fn other_options_start_another_and_the_old_one_finishes_its_requests() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, first) = answer(&host, "/").await;
    let waiting = tokio::spawn({
        let address = host.address().to_owned();
        async move { Connection::tcp(&address).await.get("/wait").await }
    });
    super::made(&site, "app/waiting").await;
    site.file("app/version.txt", "2");
    site.manifest(&manifest("env = { A = \"b\" }"));
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.0, "2");
    site.file("app/go", "");
    let response = waiting.await.expect("a response");
    assert_eq!(super::parse(&response.text()), ("1".to_owned(), first));
    gone(first).await;
}

#[tokio::test]
async fn fresh_reload_starts_another_and_other_changes_do_not() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, first) = answer(&host, "/").await;
    site.manifest(&manifest("retries = 3"));
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.1, first);
    // In production nobody watches its directory.
    site.file("app/version.txt", "2");
    site.manifest(&manifest("retries = 4"));
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.1, first);
    let said = site.stackup(&["reload", "--fresh"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let (version, second) = answer(&host, "/").await;
    assert_eq!(version, "2");
    assert_ne!(first, second);
    gone(first).await;
}
