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

/// Comes to the end that the child was asked for.
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
        // SAFETY: not sound, on purpose: it is to crash.
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

#[expect(unconditional_recursion, reason = "it is to overflow the stack")]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + room[1]
}

/// A child of the process that exits, and is waited for.
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
fn ends() {
    // Its stdin is a socket, which takes words as well.
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

/// What a process said that ended so, and how it looked from outside.
fn last_words(how: &str) -> (Option<Value>, Output) {
    let (mut words, theirs) = UnixStream::pair().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("abi::host::last_words::tests::ends")
        .env(END, how)
        .stdin(OwnedFd::from(theirs))
        .output()
        .unwrap();
    let mut text = String::new();
    words.read_to_string(&mut text).unwrap();
    let line = (!text.is_empty()).then(|| serde_json::from_str(&text).expect(&text));
    (line, child)
}

fn in_a_handler(cause: &str, value: Value) -> Option<Value> {
    let mut words = json!({
        "handler": "m\"#ortal", "plugin": "a \"plugin\"", "fingerprint": "f00d", "generation": 7
    });
    words[cause] = value;
    Some(words)
}

fn outside(cause: &str, value: Value) -> Option<Value> {
    let mut words =
        json!({ "handler": null, "plugin": null, "fingerprint": null, "generation": null });
    words[cause] = value;
    Some(words)
}

#[test]
fn a_fault_names_its_handler_and_still_ends_the_process() {
    let (words, child) = last_words("fault");
    assert_eq!(words, in_a_handler("signal", libc::SIGSEGV.into()));
    assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");

    let (words, child) = last_words("outside fault");
    assert_eq!(words, outside("signal", libc::SIGSEGV.into()));
    assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");
}

#[test]
fn an_abort_names_its_handler() {
    let (words, child) = last_words("abort");
    assert_eq!(words, in_a_handler("signal", libc::SIGABRT.into()));
    assert_eq!(child.status.signal(), Some(libc::SIGABRT), "{child:?}");
}

#[test]
fn a_stack_that_overflows_is_told_here_and_by_std() {
    let (words, child) = last_words("overflow");
    assert_eq!(words, in_a_handler("signal", libc::SIGSEGV.into()));
    let told = String::from_utf8_lossy(&child.stderr).into_owned();
    assert!(told.contains("has overflowed its stack"), "{told}");
    assert_eq!(child.status.signal(), Some(libc::SIGABRT), "{child:?}");
}

#[test]
fn an_exit_names_its_handler() {
    let (words, child) = last_words("exit");
    assert_eq!(words, in_a_handler("exit", true.into()));
    assert_eq!(child.status.code(), Some(3), "{child:?}");

    let (words, child) = last_words("outside exit");
    assert_eq!(words, outside("exit", true.into()));
    assert_eq!(child.status.code(), Some(3), "{child:?}");
}

#[test]
fn a_signal_that_was_sent_ends_the_process_at_once() {
    let (words, child) = last_words("outside sent");
    assert_eq!(words, outside("signal", libc::SIGSEGV.into()));
    assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");
}

#[test]
fn a_forked_child_says_nothing_and_neither_does_an_end_in_good_order() {
    let (words, child) = last_words("fork");
    assert_eq!(words, None);
    assert!(child.status.success(), "{child:?}");
}
