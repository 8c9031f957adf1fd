//! A plugin that takes a signal from the whole process gets it, and stackup too.

use rustix::process::{Pid, Signal, kill_process};
use stackup_tests::log::Record;
use stackup_tests::{Host, artifacts, within};

use super::site;

/// The next report that a plugin has changed `what`.
async fn changed(host: &Host, what: &str) -> Record {
    let is = |record: &Record| record.event() == "process-changed" && record.text("what") == what;
    host.log().take(&format!("change of {what}"), is).await
}

fn send(worker: Pid, signal: Signal) {
    kill_process(worker, signal).expect("the worker runs");
}

#[tokio::test]
async fn ctrlc_gets_its_signals_and_the_worker_as_well() {
    let Some(library) = artifacts::real_crate("uses-ctrlc") else {
        return;
    };
    let site = site("run = \"uses-ctrlc\"\n", "uses-ctrlc", library);
    let host = Host::start(&site).await;
    for signal in ["SIGHUP", "SIGINT", "SIGTERM"] {
        let record = changed(&host, signal).await;
        assert_eq!(record.text("library"), "uses-ctrlc", "{record}");
        assert!(
            record.message().contains("stackup's handler is back"),
            "{record}"
        );
    }
    assert_eq!(host.get("/").await.text(), "0");
    send(host.worker(), Signal::INT);
    // Its own thread counts.
    let counted = async {
        while host.get("/").await.text() != "1" {
            tokio::task::yield_now().await;
        }
    };
    within("ctrlc to count", counted).await;
    // The worker hears of SIGTERM: it ends in good order, and another one starts.
    send(host.worker(), Signal::TERM);
    host.message("finishing the last requests").await;
    let next = host.next_worker().await;
    assert_ne!(next, Some(host.worker()));
    assert_eq!(host.get("/").await.text(), "0");
}

#[tokio::test]
async fn signal_hook_calls_the_handler_before_it_and_loses_nothing() {
    let Some(library) = artifacts::real_crate("uses-signal-hook") else {
        return;
    };
    let site = site("run = \"uses-signal-hook\"\n", "uses-signal-hook", library);
    let host = Host::start(&site).await;
    changed(&host, "SIGTERM").await;
    assert_eq!(host.get("/").await.text(), "false");
    send(host.worker(), Signal::TERM);
    host.next_worker().await;
}

#[tokio::test]
async fn crash_handler_of_a_plugin_does_not_hide_who_crashed() {
    let Some(library) = artifacts::real_crate("uses-libc") else {
        return;
    };
    let manifest = "run = { plugin = \"uses-libc\", config = { change = [\"segv\"] } }\n";
    let site = site(manifest, "uses-libc", library);
    let host = Host::start(&site).await;
    changed(&host, "SIGSEGV").await;
    let mut connection = host.connect().await;
    connection
        .send("GET /fault HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    let report = |record: &Record| record.line() == "a crash handler of a plugin";
    host.log().take("the plugin's own report", report).await;
    let crash = host.event("crash").await;
    let says = "worker 1 died: `uses-libc` of generation 1 ended the process (exit code 9)";
    assert!(crash.message().starts_with(says), "{crash}");
    host.next_worker().await;
}

#[tokio::test]
async fn ignored_and_default_actions_are_put_back() {
    let Some(library) = artifacts::real_crate("uses-libc") else {
        return;
    };
    let manifest =
        "run = { plugin = \"uses-libc\", config = { change = [\"pipe\", \"child\"] } }\n";
    let site = site(manifest, "uses-libc", library);
    let host = Host::start(&site).await;
    let pipe = changed(&host, "SIGPIPE").await;
    assert!(
        pipe.message().contains("it had the default action"),
        "{pipe}"
    );
    let child = changed(&host, "SIGCHLD").await;
    assert!(child.message().contains("it was ignored"), "{child}");
    assert_eq!(child.text("handler"), "uses-libc", "{child}");
    // A write into a closed pipe would end the worker: the signal is ignored again.
    send(host.worker(), Signal::PIPE);
    assert_eq!(host.get("/").await.text(), "1.5");
}

#[tokio::test]
async fn traps_of_wasmtime_are_errors_and_crashes_beside_it_have_a_name() {
    let Some(library) = artifacts::real_crate("uses-wasmtime") else {
        return;
    };
    let site = site("run = \"uses-wasmtime\"\n", "uses-wasmtime", library);
    let host = Host::start(&site).await;
    for signal in ["SIGSEGV", "SIGILL", "SIGFPE"] {
        let record = changed(&host, signal).await;
        assert_eq!(record.text("library"), "uses-wasmtime", "{record}");
    }
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/divide").await.text(), "4");
    // More traps than lines fit into the pipe of the last words.
    for _ in 0..1000 {
        for target in ["/divide-by-zero", "/load-outside"] {
            let response = connection.get(target).await;
            assert!(response.text().contains("wasm"), "{target}: {response}");
        }
    }
    connection
        .send("GET /fault HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    let crash = host.event("crash").await;
    let says = "worker 1 died: `uses-wasmtime` of generation 1 crashed the worker (SIGSEGV";
    assert!(crash.message().starts_with(says), "{crash}");
    host.next_worker().await;
}
