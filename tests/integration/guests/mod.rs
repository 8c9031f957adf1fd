//! Guests: programs of other languages behind `guest`.

/// Real frameworks behind the shelf: Puma, Flask, ASGI, Node.
mod frameworks;
/// New code and other options: another process takes over.
mod reloading;
/// Requests, while a process lives and when it dies.
mod serving;
/// Processes that start slowly, badly or never.
mod starting;
/// What comes besides responses: interim ones, other protocols, lines.
mod streams;
/// The ends of guests: with their instance, their worker, their supervisor.
mod supervision;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, test_kill_process};
use stackup_tests::log::Record;
use stackup_tests::{Host, Site, print_skipped, within};

/// What guests of these tests run.
pub(crate) const PROGRAM: &str = include_str!("guest.py");

pub(crate) fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let output = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    output.is_ok_and(|status| status.success())
}

/// A manifest with a guest in `app`, with more of its config.
fn manifest(more: &str) -> String {
    format!(
        "[run]\nplugin = \"guest\"\n[run.config]\ncommand = [\"python3\", \"../guest.py\"]\ndir = \"app\"\n{more}\n"
    )
}

/// A site with the guest of these tests, version 1; none without Python.
fn site(more: &str) -> Option<Site> {
    if !runs("python3", &["--version"]) {
        print_skipped("no `python3`");
        return None;
    }
    let site = Site::new(&manifest(more), &["guest"]);
    std::fs::create_dir_all(site.path().join("app/tmp")).expect("a folder");
    site.file("guest.py", PROGRAM);
    site.file("app/version.txt", "1");
    Some(site)
}

/// What it answers: its version and its process.
async fn answer(host: &Host, path: &str) -> (String, Pid) {
    let response = host.get(path).await;
    assert_eq!(response.status(), 200, "{response}\n{}", host.log());
    parse(&response.text())
}

fn parse(text: &str) -> (String, Pid) {
    let (version, pid) = text.split_once(' ').expect("two words");
    let pid = Pid::from_raw(pid.parse().expect("a number"));
    (version.to_owned(), pid.expect("a process"))
}

/// The next event of a guest with this state.
async fn guest_event(host: &Host, state: &str) -> Record {
    let is = |record: &Record| record.event() == "guest" && record.text("state") == state;
    host.log().take(&format!("guest that is {state}"), is).await
}

/// Waits until a process is gone.
async fn gone(pid: Pid) {
    within("the end of a process", async {
        while exists(pid) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn exists(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

/// The guard of a guest, which is its parent.
fn guard(guest: Pid) -> Pid {
    let path = format!("/proc/{}/status", guest.as_raw_nonzero());
    let status = std::fs::read_to_string(path).expect("the process runs");
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    let parent = parent.and_then(|text| text.trim().parse().ok());
    parent.and_then(Pid::from_raw).expect("it has a parent")
}

/// The socket on which the process listens that answers now.
async fn socket(host: &Host) -> PathBuf {
    let environment = host.get("/environment").await.text();
    let mut lines = environment.lines();
    let socket = lines.find_map(|line| line.strip_prefix("SOCKET="));
    socket.expect("its socket").into()
}

fn kill(pid: Pid) {
    rustix::process::kill_process(pid, Signal::KILL).expect("the process runs");
}

/// Waits for a file that the guest makes.
async fn made(site: &Site, name: &str) {
    let path = site.path().join(name);
    within("a file of the guest", async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
