use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::atomic::AtomicUsize;

use super::*;

const SCENE: &str = "STACKUP_TEST_SCENE";

/// The handlers that ran, one digit each, the first on the left.
static CALLED: AtomicUsize = AtomicUsize::new(0);
/// A page that nobody may write until a handler allows it.
static PAGE: AtomicUsize = AtomicUsize::new(0);
/// What was set before a library's handler: it calls that.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

const SIZE: usize = 4096;

fn called(digit: usize) {
    let append = |called| Some(called * 10 + digit);
    let _ = CALLED.fetch_update(Ordering::SeqCst, Ordering::SeqCst, append);
}

extern "C" fn own(_: c_int) {
    called(1);
}

extern "C" fn library(_: c_int) {
    called(2);
}

extern "C" fn chaining(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    called(3);
    chain(signal, info, context);
}

fn chain(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: null or leaked.
    if let Some(before) = unsafe { PREVIOUS.load(Ordering::SeqCst).as_ref() } {
        call(before, signal, info, context);
    }
}

/// Allows the write if it was to the page, else calls the handler before.
extern "C" fn allowing(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let page = PAGE.load(Ordering::SeqCst);
    // SAFETY: a fault has an address.
    if unsafe { (*info).si_addr() }.addr() == page {
        called(4);
        protect(libc::PROT_READ | libc::PROT_WRITE);
    } else {
        chain(signal, info, context);
    }
}

extern "C" fn exiting(_: c_int) {
    // SAFETY: may be called in a signal handler.
    unsafe { libc::_exit(9) }
}

extern "C" fn resetting(signal: c_int) {
    // SAFETY: may be called in a signal handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

fn protect(rights: c_int) {
    let page = ptr::with_exposed_provenance_mut(PAGE.load(Ordering::SeqCst));
    // SAFETY: the page is ours.
    assert_eq!(unsafe { libc::mprotect(page, SIZE, rights) }, 0);
}

fn write_to(address: usize) {
    // SAFETY: not sound, on purpose: it is to fault.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(1) };
}

fn raise(signal: c_int) -> usize {
    CALLED.store(0, Ordering::SeqCst);
    // SAFETY: a signal to this thread.
    unsafe { libc::raise(signal) };
    CALLED.load(Ordering::SeqCst)
}

fn set_plain(signal: c_int, handler: extern "C" fn(c_int)) {
    let handler = handler as *const () as libc::sighandler_t;
    set_to(signal, handler, 0);
}

fn set_info(signal: c_int, handler: Handler) {
    let handler = handler as *const () as libc::sighandler_t;
    set_to(signal, handler, libc::SA_SIGINFO);
}

fn set_to(signal: c_int, handler: libc::sighandler_t, flags: c_int) {
    let before = Box::leak(Box::new(current(signal)));
    PREVIOUS.store(before, Ordering::SeqCst);
    let mut action = empty();
    (action.sa_sigaction, action.sa_flags) = (handler, flags);
    set(signal, &action).unwrap();
}

fn restored() -> Vec<(c_int, bool)> {
    let changes = restore(|_| false).into_iter();
    changes.map(|change| (change.signal, change.kept)).collect()
}

fn map_page() {
    let (rights, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping.
    let page = unsafe { libc::mmap(ptr::null_mut(), SIZE, rights, flags, -1, 0) };
    PAGE.store(page.expose_provenance(), Ordering::SeqCst);
}

#[test]
#[ignore = "ends its process"]
fn child() {
    // Its stdin is a socket, so it can write to it.
    crash_report::install(libc::STDIN_FILENO).unwrap();
    set_plain(libc::SIGTERM, own);
    keep();
    assert_eq!(restored(), []);
    match std::env::var(SCENE).unwrap().as_str() {
        "shared" => {
            set_plain(libc::SIGTERM, library);
            assert_eq!(raise(libc::SIGTERM), 2);
            assert_eq!(restored(), [(libc::SIGTERM, true)]);
            assert_eq!(restored(), []);
            assert_eq!(raise(libc::SIGTERM), 12);
            // One that calls the handler before it calls each of the others once.
            set_info(libc::SIGTERM, chaining);
            assert_eq!(restored(), [(libc::SIGTERM, true)]);
            assert_eq!(raise(libc::SIGTERM), 132);
            assert_eq!(raise(libc::SIGTERM), 132);
        }
        "not a handler" => {
            set_to(libc::SIGTERM, libc::SIG_IGN, 0);
            set_to(libc::SIGSEGV, libc::SIG_DFL, 0);
            set_to(libc::SIGPIPE, libc::SIG_DFL, 0);
            set_to(libc::SIGCHLD, libc::SIG_IGN, 0);
            let changed = [libc::SIGSEGV, libc::SIGTERM, libc::SIGCHLD, libc::SIGPIPE];
            assert_eq!(restored(), changed.map(|signal| (signal, true)));
            assert_eq!(disposition(&current(libc::SIGPIPE)), Disposition::Ignored);
            assert_eq!(disposition(&current(libc::SIGCHLD)), Disposition::Default);
            assert_eq!(raise(libc::SIGTERM), 1);
            write_to(8);
        }
        "own" => {
            set_plain(libc::SIGTERM, library);
            assert_eq!(restore(|_| true), []);
            assert_eq!(raise(libc::SIGTERM), 2);
            // A handler where the program has none is all that is called.
            set_plain(libc::SIGCHLD, library);
            assert_eq!(restored(), [(libc::SIGCHLD, false)]);
            assert_eq!(raise(libc::SIGCHLD), 2);
        }
        "recovers" => {
            map_page();
            set_info(libc::SIGSEGV, allowing);
            assert_eq!(restored(), [(libc::SIGSEGV, true)]);
            for _ in 0..3 {
                CALLED.store(0, Ordering::SeqCst);
                protect(libc::PROT_NONE);
                write_to(PAGE.load(Ordering::SeqCst));
                assert_eq!(CALLED.load(Ordering::SeqCst), 4);
            }
            write_to(8);
        }
        "exits" => {
            set_plain(libc::SIGSEGV, exiting);
            assert_eq!(restored(), [(libc::SIGSEGV, true)]);
            write_to(8);
        }
        "resets" => {
            set_plain(libc::SIGSEGV, resetting);
            assert_eq!(restored(), [(libc::SIGSEGV, true)]);
            write_to(8);
        }
        scene => panic!("no such scene: {scene}"),
    }
    crash_report::disarm();
}

/// Runs a process; returns the lines of its report and its output.
fn run_child(scene: &str) -> (Vec<String>, Output) {
    let (mut report, theirs) = UnixStream::pair().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("abi::host::signals::tests::child")
        .env(SCENE, scene)
        .stdin(OwnedFd::from(theirs))
        .output()
        .unwrap();
    let mut text = String::new();
    report.read_to_string(&mut text).unwrap();
    (text.lines().map(str::to_owned).collect(), child)
}

fn is_fault(line: &str) -> bool {
    line.starts_with(r#"{"signal":11,"#)
}

#[test]
fn own_handler_runs_first_and_each_other_once() {
    for scene in ["shared", "own"] {
        let (report, child) = run_child(scene);
        assert!(child.status.success(), "{child:?}");
        assert_eq!(report, [""; 0]);
    }
}

#[test]
fn ignored_and_default_actions_are_put_back() {
    let (report, child) = run_child("not a handler");
    assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");
    assert!(
        matches!(&report[..], [line] if is_fault(line)),
        "{report:?}"
    );
}

#[test]
fn fault_that_a_library_handles_is_no_crash() {
    let (report, child) = run_child("recovers");
    assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");
    let [first, survived, last] = &report[..] else {
        panic!(
            "{report:?}: the first fault is written, and taken back; the others are known to be handled"
        );
    };
    assert!(is_fault(first) && is_fault(last), "{report:?}");
    assert_eq!(survived, r#"{"survived":true}"#);
}

#[test]
fn handler_that_ends_the_process_does_not_hide_the_crash() {
    let (report, child) = run_child("exits");
    assert_eq!(child.status.code(), Some(9), "{child:?}");
    assert!(
        matches!(&report[..], [line] if is_fault(line)),
        "{report:?}"
    );

    let (report, child) = run_child("resets");
    assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");
    assert!(
        matches!(&report[..], [line] if is_fault(line)),
        "{report:?}"
    );
}
