//! What a server leaves behind, and what it leaves alone.

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use stackup_tests::{Host, Site, artifacts};

use super::crash::stop;
use super::{FAULTY, faulty, prove, start};

/// Whether nothing is left in the folder of private files; the log says what was removed.
#[track_caller]
fn assert_nothing_is_left(site: &Site, host: &Host) {
    let left = entries(&site.runtime());
    let inside: Vec<_> = left.iter().map(|left| entries(left)).collect();
    assert!(
        left.is_empty(),
        "{left:?} with {inside:?} is left; the log:\n{}",
        host.log()
    );
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[tokio::test]
async fn killed_supervisor_leaves_no_private_file() {
    let (site, mut host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    assert_eq!(entries(&site.runtime()).len(), 2, "one of each process");
    host.signal(Signal::KILL);
    // The log ends with the worker.
    assert!(!host.exited().await.success());
    assert_nothing_is_left(&site, &host);
}

#[tokio::test]
async fn stopped_worker_ends_when_its_supervisor_is_killed() {
    let (site, mut host) = start(FAULTY, 1, "none").await;
    stop(host.worker()).await;
    host.signal(Signal::KILL);
    assert!(!host.exited().await.success());
    assert_nothing_is_left(&site, &host);
}

/// Puts another socket in the place of the one at `path`, as a second server does.
fn take_over(path: &Path) -> UnixListener {
    let other = path.with_extension("other");
    let listener = UnixListener::bind(&other).expect("it can be bound");
    fs::rename(&other, path).expect("it can be moved");
    listener
}

#[tokio::test]
async fn sockets_that_others_made_at_the_same_path_stay() {
    let manifest = "run = \"faulty\"\n[server]\nlisten = [\"unix:app.sock\"]\n";
    let site = Site::new(manifest, &[]);
    site.library("faulty", &faulty(1, "none"));
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    let paths = ["app.sock", "config.ru.sock"].map(|name| site.path().join(name));
    let _theirs = paths.clone().map(|path| take_over(&path));
    // The next program knows which files were its own, too.
    host.signal(Signal::USR2);
    host.event("upgraded").await;
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    for path in paths {
        UnixStream::connect(&path).expect("the socket of the other server is there");
    }
}
