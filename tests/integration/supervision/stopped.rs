//! A worker that does not answer: commands do not wait for it, and it is replaced.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use rustix::process::{Pid, Signal, kill_process};
use stackup_tests::log::Record;
use stackup_tests::{CommandOutput, Host, Site, within};

use super::crash::stop;
use super::{code, start};

/// An app whose worker is killed after three seconds of silence.
const SHORT: &str =
    "run = \"faulty\"\n[limits]\nworker_timeout = \"3s\"\nshutdown_timeout = \"1h\"\n";

/// The same, but it is never killed for its silence.
const OFF: &str = "run = \"faulty\"\n[limits]\nworker_timeout = \"off\"\n";

#[tokio::test]
async fn stopped_worker_is_killed_and_replaced() {
    let (site, host) = start(SHORT, 1, "none").await;
    let mut open = host.connect().await;
    open.get("/").await;
    stop(host.worker()).await;
    open.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let said = site.stackup(&["status"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let killed = |record: &Record| record.text("state") == "killed";
    let killed = host.log().take("worker that is killed", killed).await;
    let message = killed.message();
    let expected =
        "it has not answered for 3s (a signal has stopped it) (`[limits] worker_timeout`)";
    assert!(message.contains(expected), "{message}");
    let crash = host.event("crash").await;
    let expected = "worker 1 died: the worker was stopped from outside (it did not answer for 3s)";
    assert!(crash.message().starts_with(expected), "{crash}");
    assert!(crash.message().ends_with("starts again at once"), "{crash}");
    assert!(open.closes().await, "its connections end with it");
    assert_ne!(host.next_worker().await, Some(host.worker()));
    assert_eq!(code(&host).await, 1);
}

/// A debugger that holds a process until it is dropped.
struct Debugger(Option<mpsc::Sender<()>>, Option<thread::JoinHandle<()>>);

impl Debugger {
    fn attach(process: Pid) -> Self {
        let (attached, attaches) = mpsc::channel();
        let (leave, left) = mpsc::channel();
        // The thread that attached is the debugger: the system detaches when it ends.
        let thread = thread::spawn(move || {
            let process = nix::unistd::Pid::from_raw(process.as_raw_nonzero().get());
            ptrace::seize(process, ptrace::Options::empty()).expect("it may be traced");
            attached.send(()).expect("the test waits");
            let _ = left.recv();
        });
        attaches.recv().expect("it attaches");
        Self(Some(leave), Some(thread))
    }
}

impl Drop for Debugger {
    fn drop(&mut self) {
        drop(self.0.take());
        if let Some(thread) = self.1.take() {
            let _ = thread.join();
        }
    }
}

#[tokio::test]
async fn worker_in_a_debugger_is_killed_only_after_that() {
    let (site, host) = start(SHORT, 1, "none").await;
    host.get("/").await;
    stop(host.worker()).await;
    let debugger = Debugger::attach(host.worker());
    let killed = |record: &Record| record.text("state") == "killed";
    // For longer than the limit.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        let said = site.stackup(&["status"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        let gone = host.log().try_take(killed);
        assert!(gone.is_none(), "{gone:?}");
    }
    drop(debugger);
    let killed = host.log().take("worker that is killed", killed).await;
    assert!(killed.message().contains("for 3s"), "{killed}");
    assert_eq!(code(&host).await, 1);
}

#[tokio::test]
async fn restart_does_not_wait_for_a_stopped_worker() {
    let (site, host) = start(OFF, 1, "none").await;
    let mut open = host.connect().await;
    open.get("/").await;
    stop(host.worker()).await;
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_ne!(host.next_worker().await, Some(host.worker()));
    assert_eq!(code(&host).await, 1);
    // It ends if it continues. Its connection gets a last response, or closes while it is idle.
    kill_process(host.worker(), Signal::CONT).expect("it is there");
    let request = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";
    let closed = async {
        while open.try_send(request.as_bytes()).await.is_ok() {
            match open.try_response().await {
                Ok(response) if response.header("connection") != Some("close") => {}
                _ => return,
            }
        }
    };
    within("the end of its connection", closed).await;
}

#[tokio::test]
async fn reload_fails_and_stop_ends_with_a_stopped_worker() {
    let (site, mut host) = start(SHORT, 1, "none").await;
    stop(host.worker()).await;
    let said = site.stackup(&["reload"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("the worker died during the reload"),
        "{said:?}"
    );
    let next = host.next_worker().await.expect("the worker has an id");
    stop(next).await;
    let said = site.stackup(&["stop"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(host.exited().await.success());
}

/// Kills the worker as soon as its renewal has begun.
async fn restart_while_the_old_worker_dies(site: &Site, host: &Host) -> CommandOutput {
    let killed = async {
        let begins =
            |record: &Record| record.event() == "renewal" && record.text("state") == "begins";
        host.log().take("renewal that begins", begins).await;
        kill_process(host.worker(), Signal::KILL).expect("it is there");
    };
    tokio::join!(site.stackup(&["restart"]), killed).0
}

#[tokio::test]
async fn restart_goes_on_when_the_old_worker_dies_before_it_holds() {
    let (site, host) = start(OFF, 1, "none").await;
    stop(host.worker()).await;
    let said = restart_while_the_old_worker_dies(&site, &host).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("worker 2 took over"), "{said:?}");
    assert_eq!(code(&host).await, 1);
}

#[tokio::test]
async fn a_renewal_that_fails_after_the_old_worker_died_leaves_another_one() {
    let (site, host) = start(OFF, 1, "none").await;
    stop(host.worker()).await;
    site.manifest("run = \"nobody\"\n");
    let said = restart_while_the_old_worker_dies(&site, &host).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let expected = "the old worker has died, another one starts";
    assert!(said.stderr.contains(expected), "{said:?}");
    host.next_worker().await;
    within("the active stack", async {
        assert_eq!(code(&host).await, 1)
    })
    .await;
}
