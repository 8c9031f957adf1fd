//! A worker that dies: the log names the cause, and the next worker serves the same sockets.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use stackup_tests::{Site, within};

use super::{FAULTY, code, crash_worker, prove, start, swap};

#[tokio::test]
async fn crash_names_handler_and_cause_and_serving_continues() {
    let ways = [
        ("segv", "crashed the worker (SIGSEGV"),
        ("abrt", "crashed the worker (SIGABRT"),
        ("over", "crashed the worker (SIGABRT"),
        ("exit", "ended the process (exit code 7)"),
    ];
    for (fault, how) in ways {
        let (_site, host) = start(FAULTY, 1, fault).await;
        assert_eq!(code(&host).await, 1);
        let crash = crash_worker(&host).await;
        let expected = format!("worker 1 died: `faulty` of generation 1 {how}");
        assert!(crash.message().starts_with(&expected), "{fault}: {crash}");
        assert!(crash.message().contains("starts again at once"), "{crash}");
        assert_eq!(crash.number("worker"), Some(1), "{fault}: {crash}");
        assert_eq!(code(&host).await, 1, "{fault}");
    }
}

#[tokio::test]
async fn external_kill_blames_no_plugin_and_waiting_clients_are_served() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    // It is on probation: a crash blamed on it would roll it back.
    swap(&site, &host, 2, "none").await;
    stop(host.worker()).await;
    let mut waits = host.connect().await;
    waits.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    kill_process(host.worker(), Signal::KILL).expect("it is there");
    let response = waits.response().await;
    let text = response.text();
    assert!(text.starts_with("stackup-faulty-code-00000002 "), "{text}");
    let crash = host.event("crash").await;
    let expected = "worker 1 died: the worker was killed from outside (SIGKILL";
    assert!(crash.message().starts_with(expected), "{crash}");
    let quiet = |record: &stackup_tests::log::Record| {
        matches!(record.event(), "quarantine") || record.text("outcome") == "refused"
    };
    assert!(host.log().try_take(quiet).is_none(), "{}", host.log());
}

/// Stops a process and waits until all of its threads have stopped.
pub(crate) async fn stop(process: Pid) {
    kill_process(process, Signal::STOP).expect("it is there");
    let threads = format!("/proc/{}/task", process.as_raw_nonzero());
    let stopped = |thread: std::io::Result<fs::DirEntry>| {
        let stat = fs::read_to_string(thread.expect("it is there").path().join("stat"));
        stat.is_ok_and(|stat| stat.contains(") T "))
    };
    within("a stop", async {
        while !fs::read_dir(&threads).expect("it is there").all(stopped) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn crash_loop_backs_off() {
    let (_site, host) = start(FAULTY, 1, "none").await;
    let mut worker = Some(host.worker());
    for delay in ["at once", "in 100ms", "in 200ms", "in 400ms", "in 800ms"] {
        kill_process(worker.expect("it serves"), Signal::KILL).expect("it is there");
        let crash = host.event("crash").await;
        let message = crash.message();
        assert!(
            message.ends_with(&format!("starts again {delay}")),
            "{message}"
        );
        worker = host.next_worker().await;
        let time = crash.float("time").expect("each line has its time");
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let least: u64 = delay
            .trim_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap_or(0);
        assert!(
            since.as_secs_f64() - time >= least as f64 / 1000.0,
            "{delay}"
        );
    }
    assert_eq!(code(&host).await, 1);
}

/// Waits until the only worker has served for this time.
async fn serves_for(seconds: f64, site: &Site) {
    within("its time", async {
        loop {
            let said = site.stackup(&["status", "--json"]).await;
            let status: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
            let served = status["workers"][0]["seconds"].as_f64();
            if served.is_some_and(|served| served >= seconds) {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn worker_that_served_a_second_is_replaced_at_once() {
    let (site, host) = start(FAULTY, 1, "none").await;
    let mut worker = Some(host.worker());
    for _ in 0..2 {
        serves_for(1.0, &site).await;
        kill_process(worker.expect("it serves"), Signal::KILL).expect("it is there");
        let crash = host.event("crash").await;
        let message = crash.message();
        assert!(message.ends_with("starts again at once"), "{message}");
        worker = host.next_worker().await;
    }
}
