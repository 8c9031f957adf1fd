#![cfg(feature = "testing")]

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::abi::host::test_support::{app, request};
use crate::testing::block_on;
use crate::{App, Context, Request, Result};

const END: &str = "STACKUP_TEST_END";

/// Ends the process as its path says.
struct Mortal;

impl App for Mortal {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self)
    }

    async fn call(&self, req: Request) -> Result {
        end(&req.path()[1..]);
        Ok(crate::Response::new(http::StatusCode::OK))
    }
}

fn end(how: &str) {
    match how {
        // SAFETY: not sound, on purpose: it must crash.
        "fault" => unsafe { std::ptr::null_mut::<u8>().write_volatile(1) },
        "abort" => std::process::abort(),
        "overflow" => drop(std::hint::black_box(deeper(1))),
        "exit" => std::process::exit(3),
        // SAFETY: a signal to ourselves.
        "sent" => drop(unsafe { libc::raise(libc::SIGSEGV) }),
        "fork" => fork(),
        how => panic!("no such end: {how}"),
    }
}

#[expect(unconditional_recursion, reason = "it overflows the stack on purpose")]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + room[1]
}

/// Forks a child that exits, and waits for it.
fn fork() {
    // SAFETY: the child does nothing but exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: runs what was registered with `atexit`, which is the point.
        unsafe { libc::exit(4) };
    }
    let mut status = 0;
    // SAFETY: a child of ours.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(libc::WEXITSTATUS(status), 4);
}

#[test]
#[ignore = "ends its process"]
fn child() {
    // Its stdin is a socket, so it can write to it.
    install(libc::STDIN_FILENO).unwrap();
    let how = std::env::var(END).unwrap();
    match how.strip_prefix("outside ") {
        Some(how) => end(how),
        None => {
            let node = app::<Mortal>("m\"#ortal", &Arc::default());
            let (request, _) = request(&format!("/{how}"), 7);
            block_on(node.call(request)).ok();
        }
    }
    disarm();
}

/// Runs a process that ends in this way; returns its report and its output.
fn run_child(how: &str) -> (Option<Value>, Output) {
    let (mut report, theirs) = UnixStream::pair().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("abi::host::crash_report::tests::child")
        .env(END, how)
        .stdin(OwnedFd::from(theirs))
        .output()
        .unwrap();
    let mut text = String::new();
    report.read_to_string(&mut text).unwrap();
    let line = (!text.is_empty()).then(|| serde_json::from_str(&text).expect(&text));
    (line, child)
}

fn in_a_handler(cause: &str, value: Value) -> Option<Value> {
    let mut report = json!({
        "handler": "m\"#ortal", "plugin": "a \"plugin\"", "fingerprint": "f00d", "generation": 7
    });
    report[cause] = value;
    Some(report)
}

fn outside(cause: &str, value: Value) -> Option<Value> {
    let mut report =
        json!({ "handler": null, "plugin": null, "fingerprint": null, "generation": null });
    report[cause] = value;
    Some(report)
}

#[test]
fn fault_names_handler_and_kills_process() {
    let (report, child) = run_child("fault");
    assert_eq!(report, in_a_handler("signal", libc::SIGSEGV.into()));
    assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");

    let (report, child) = run_child("outside fault");
    assert_eq!(report, outside("signal", libc::SIGSEGV.into()));
    assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");
}

#[test]
fn abort_names_handler() {
    let (report, child) = run_child("abort");
    assert_eq!(report, in_a_handler("signal", libc::SIGABRT.into()));
    assert_eq!(child.status.signal(), Some(libc::SIGABRT), "{child:?}");
}

#[test]
fn stack_overflow_is_reported_and_printed_by_std() {
    let (report, child) = run_child("overflow");
    assert_eq!(report, in_a_handler("signal", libc::SIGSEGV.into()));
    let stderr = String::from_utf8_lossy(&child.stderr).into_owned();
    assert!(stderr.contains("has overflowed its stack"), "{stderr}");
    assert_eq!(child.status.signal(), Some(libc::SIGABRT), "{child:?}");
}

#[test]
fn exit_names_handler() {
    let (report, child) = run_child("exit");
    assert_eq!(report, in_a_handler("exit", true.into()));
    assert_eq!(child.status.code(), Some(3), "{child:?}");

    let (report, child) = run_child("outside exit");
    assert_eq!(report, outside("exit", true.into()));
    assert_eq!(child.status.code(), Some(3), "{child:?}");
}

#[test]
fn raised_signal_kills_process() {
    let (report, child) = run_child("outside sent");
    assert_eq!(report, outside("signal", libc::SIGSEGV.into()));
    assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");
}

#[test]
fn forked_child_and_disarmed_process_report_nothing() {
    let (report, child) = run_child("fork");
    assert_eq!(report, None);
    assert!(child.status.success(), "{child:?}");
}
