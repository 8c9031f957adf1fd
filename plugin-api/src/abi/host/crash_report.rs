//! What a process says when it dies: by which signal or exit, and in whose code.
//!
//! All of it may run in a signal handler. So it takes no memory and no lock, formats nothing but two
//! numbers, and finds the rest rendered in the handler's context.

use std::ffi::c_int;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};

use super::threads;

/// Those that end a process because of what its code has done.
const SIGNALS: [c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// What did each signal before; none where it was ignored, and still is.
static BEFORE: [OnceLock<libc::sigaction>; SIGNALS.len()] =
    [const { OnceLock::new() }; SIGNALS.len()];

static FD: AtomicI32 = AtomicI32::new(-1);
/// A child that was forked shares the descriptor, but has no say.
static PROCESS: AtomicI32 = AtomicI32::new(0);
static STATE: AtomicU8 = AtomicU8::new(SILENT);

const SILENT: u8 = 0;
const ARMED: u8 = 1;
const SPEAKING: u8 = 2;

/// From here on a crash or a call of `exit` writes one line of JSON to `fd`, at most once:
///
/// ```json
/// {"signal":11,"handler":"x","plugin":"x","fingerprint":"<hex>","generation":7}
/// ```
///
/// with `"exit":true` in place of the signal, and null for what is not known. What a signal did before
/// it still does. Call it once, when `fd` is open for good.
///
/// # Errors
///
/// The system does not take a signal handler.
pub fn install(fd: c_int) -> io::Result<()> {
    FD.store(fd, Ordering::Relaxed);
    // SAFETY: asks for a number.
    PROCESS.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    STATE.store(ARMED, Ordering::Release);
    for (signal, before) in SIGNALS.into_iter().zip(&BEFORE) {
        listen(signal, before)?;
    }
    // SAFETY: the function has no preconditions.
    match unsafe { libc::atexit(at_exit) } {
        0 => Ok(()),
        _ => Err(io::Error::other("no room for one more function at exit")),
    }
}

/// Nothing is said any more: the process ends in good order.
pub fn disarm() {
    let armed = (Ordering::AcqRel, Ordering::Relaxed);
    let _ = STATE.compare_exchange(ARMED, SILENT, armed.0, armed.1);
}

fn listen(signal: c_int, before: &OnceLock<libc::sigaction>) -> io::Result<()> {
    let system = |done: c_int| match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: zeroes are a valid `sigaction`: the default action, no flags, an empty mask.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: reads into `old`.
    system(unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut old) })?;
    if old.sa_sigaction == libc::SIG_IGN {
        return Ok(());
    }
    // Before ours can run: it asks for it.
    let _ = before.set(old);
    // SAFETY: as above.
    let mut ours: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_signal;
    ours.sa_sigaction = handler as libc::sighandler_t;
    // A stack that has overflowed is no place to run on.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler does only what may be done in one, see below.
    system(unsafe { libc::sigaction(signal, &raw const ours, std::ptr::null_mut()) })
}

extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    say(Some(signal));
    let known = SIGNALS.iter().position(|known| *known == signal);
    let before = known.and_then(|at| BEFORE[at].get());
    if let Some(before) = before.filter(|before| before.sa_sigaction != libc::SIG_DFL) {
        // That of std: it tells of a stack that overflowed, and aborts.
        if before.sa_flags & libc::SA_SIGINFO != 0 {
            type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: a handler that was installed with this flag has this type.
            let handler: Handler = unsafe { std::mem::transmute(before.sa_sigaction) };
            handler(signal, info, context);
        } else {
            // SAFETY: a handler without the flag has this type.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(before.sa_sigaction) };
            handler(signal);
        }
    }
    // Whatever that handler did, this is the end. What is raised here waits until we have returned.
    // SAFETY: both may be called in a signal handler.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

extern "C" fn at_exit() {
    say(None);
}

/// Writes the line, unless it was written.
fn say(signal: Option<c_int>) {
    // SAFETY: may be called in a signal handler.
    if unsafe { libc::getpid() } != PROCESS.load(Ordering::Relaxed) {
        return;
    }
    let begun = STATE.compare_exchange(ARMED, SPEAKING, Ordering::AcqRel, Ordering::Acquire);
    match begun {
        Ok(_) => {
            write(signal);
            STATE.store(SILENT, Ordering::Release);
        }
        Err(SPEAKING) => hear_out(),
        Err(_) => {}
    }
}

/// Waits for another thread to finish its line: the process is about to end.
fn hear_out() {
    for _ in 0..100 {
        if STATE.load(Ordering::Acquire) != SPEAKING {
            return;
        }
        // SAFETY: waits a millisecond for nothing; may be called in a signal handler.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 1) };
    }
}

fn write(signal: Option<c_int>) {
    const NOWHERE: &str = r#""handler":null,"plugin":null,"fingerprint":null"#;
    let note = threads::noted();
    let handler = note.and_then(threads::Note::running);
    let generation = note.map_or(0, threads::Note::generation);
    let (mut first, mut last) = ([0; 20], [0; 20]);
    let (cause, number) = match signal {
        Some(signal) => (
            r#"{"signal":"#,
            digits(signal.unsigned_abs().into(), &mut first),
        ),
        None => (r#"{"exit":"#, "true"),
    };
    let parts = [
        cause,
        number,
        ",",
        handler.map_or(NOWHERE, |station| &station.words),
        r#","generation":"#,
        match generation {
            0 => "null",
            number => digits(number, &mut last),
        },
        "}\n",
    ];
    let vectors = parts.map(|part| libc::iovec {
        iov_base: part.as_ptr().cast_mut().cast(),
        iov_len: part.len(),
    });
    // One call, so that the line stays whole. There is nobody to tell if it fails.
    // SAFETY: a system call; the parts live for it, and are only read.
    unsafe {
        libc::writev(
            FD.load(Ordering::Relaxed),
            vectors.as_ptr(),
            vectors.len() as c_int,
        )
    };
}

fn digits(mut number: u64, buffer: &mut [u8; 20]) -> &str {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    std::str::from_utf8(&buffer[start..]).unwrap_or_default()
}

#[cfg(test)]
#[path = "crash_report_tests.rs"]
mod tests;
