//! The line that a dying process writes: the signal or exit, and the handler that was running.
//!
//! All of this may run in a signal handler. So it allocates nothing and takes no lock. It formats two
//! numbers; the rest is already rendered in the handler's context.

use std::ffi::c_int;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};

use super::{signals, threads};

/// The signals that a fault of the process's own code raises.
pub(super) const SIGNALS: [c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// The previous action for each signal; empty if the signal was ignored, and still is.
static PREVIOUS: [OnceLock<libc::sigaction>; SIGNALS.len()] =
    [const { OnceLock::new() }; SIGNALS.len()];

static FD: AtomicI32 = AtomicI32::new(-1);
/// A forked child shares the descriptor but must not write to it.
static PROCESS: AtomicI32 = AtomicI32::new(0);
static STATE: AtomicU8 = AtomicU8::new(DISARMED);

const DISARMED: u8 = 0;
const ARMED: u8 = 1;
const WRITING: u8 = 2;

/// After this call, a crash or a call of `exit` writes one line of JSON to `fd`, at most once:
///
/// ```json
/// {"signal":11,"handler":"x","plugin":"x","fingerprint":"<hex>","generation":7}
/// ```
///
/// An exit has `"exit":true` in place of the signal; unknown values are null. The line `{"survived":true}` takes back the
/// one before it: a handler of a library went on. The previous action of a signal still runs. Call it once; `fd` must
/// stay open.
///
/// # Errors
///
/// The system refuses a signal handler.
pub fn install(fd: c_int) -> io::Result<()> {
    FD.store(fd, Ordering::Relaxed);
    // SAFETY: asks for a number.
    PROCESS.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    STATE.store(ARMED, Ordering::Release);
    for (signal, before) in SIGNALS.into_iter().zip(&PREVIOUS) {
        install_handler(signal, before)?;
    }
    // SAFETY: the function has no preconditions.
    match unsafe { libc::atexit(at_exit) } {
        0 => Ok(()),
        _ => Err(io::Error::other("atexit refused the handler")),
    }
}

/// Turns the report off: the process is ending normally.
pub fn disarm() {
    let armed = (Ordering::AcqRel, Ordering::Relaxed);
    let _ = STATE.compare_exchange(ARMED, DISARMED, armed.0, armed.1);
}

fn install_handler(signal: c_int, before: &OnceLock<libc::sigaction>) -> io::Result<()> {
    let old = signals::current(signal);
    if old.sa_sigaction == libc::SIG_IGN {
        return Ok(());
    }
    // Set it before our handler can run, which reads it.
    let _ = before.set(old);
    let mut ours = signals::empty();
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_signal;
    ours.sa_sigaction = handler as libc::sighandler_t;
    // The normal stack may have overflowed.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    signals::set(signal, &ours)
}

extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if !signals::offer_fault(signal, info, context) {
        return;
    }
    report(Some(signal));
    let known = SIGNALS.iter().position(|known| *known == signal);
    if let Some(before) = known.and_then(|at| PREVIOUS[at].get()) {
        // That of std reports a stack overflow and aborts.
        signals::call(before, signal, info, context);
    }
    // The process must end even if that handler returned. The raised signal is delivered when we return.
    // SAFETY: both may be called in a signal handler.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

extern "C" fn at_exit() {
    report(None);
}

/// Writes the line, unless it was already written. Whether it was written now.
pub(super) fn report(signal: Option<c_int>) -> bool {
    // SAFETY: may be called in a signal handler.
    if unsafe { libc::getpid() } != PROCESS.load(Ordering::Relaxed) {
        return false;
    }
    let begun = STATE.compare_exchange(ARMED, WRITING, Ordering::AcqRel, Ordering::Acquire);
    match begun {
        Ok(_) => {
            write(signal);
            STATE.store(DISARMED, Ordering::Release);
            true
        }
        Err(WRITING) => {
            wait_for_writer();
            false
        }
        Err(_) => false,
    }
}

/// Takes the line back that was written: the process goes on.
pub(super) fn retract() {
    const LINE: &str = "{\"survived\":true}\n";
    // SAFETY: a system call that only reads the text; may be called in a signal handler.
    unsafe { libc::write(FD.load(Ordering::Relaxed), LINE.as_ptr().cast(), LINE.len()) };
    STATE.store(ARMED, Ordering::Release);
}

/// Waits for another thread to finish its line, since the process is about to end.
fn wait_for_writer() {
    for _ in 0..100 {
        if STATE.load(Ordering::Acquire) != WRITING {
            return;
        }
        // SAFETY: waits for one millisecond; may be called in a signal handler.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 1) };
    }
}

fn write(signal: Option<c_int>) {
    const NO_HANDLER: &str = r#""handler":null,"plugin":null,"fingerprint":null"#;
    let thread = threads::current_if_any();
    let handler = thread.and_then(threads::ThreadRecord::running);
    let generation = thread.map_or(0, threads::ThreadRecord::generation);
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
        handler.map_or(NO_HANDLER, |leaked| &leaked.crash_fields),
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
    // One call, so that the line stays whole. A failure cannot be reported anywhere.
    // SAFETY: a system call that only reads the parts, which outlive it.
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
