//! A process between the supervisor and a guest, so that nothing of a guest outlives it or the supervisor.
//!
//! The guest leads a process group of its own. The guard is the parent of whatever the guest leaves behind. Its stdin is the
//! supervisor's line: each byte is an order, and its end, however the supervisor dies, has the guest stop.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpid,
    kill_process, kill_process_group, set_child_subreaper, setrlimit, wait, waitid,
};

/// The hidden argument that runs the program as this guard; the milliseconds to stop and the command follow.
pub const ARGUMENT: &str = "__guest";

/// The order to end.
pub(super) const TERMINATE: u8 = b't';
/// The order to end at once.
pub(super) const KILL: u8 = b'k';

/// The code with which it exits when the guest was killed. A guard that was killed itself ends by the signal.
pub(super) const KILLED: u8 = 137;

/// How long the end of what the guest has left behind may take.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Runs the command that follows [`ARGUMENT`] and exits as it does.
pub fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(2);
    let stop = words.next().and_then(|text| text.to_str()?.parse().ok());
    let (Some(stop), Some(program)) = (stop, words.next()) else {
        eprintln!("error: `stackup {ARGUMENT}` is for stackup's own use");
        return ExitCode::FAILURE;
    };
    match guard(Duration::from_millis(stop), &program, words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cannot run `{}`: {error}", program.display());
            ExitCode::from(127)
        }
    }
}

fn guard(
    stop: Duration,
    program: &OsString,
    arguments: impl Iterator<Item = OsString>,
) -> io::Result<ExitCode> {
    set_child_subreaper(Some(getpid()))?;
    let line = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()?;
    // Not before, since the guest would inherit it. A service manager sends them to every process; only the line's orders count here.
    let signals: SigSet = [NixSignal::SIGTERM, NixSignal::SIGINT, NixSignal::SIGHUP]
        .into_iter()
        .collect();
    signals.thread_block()?;
    // The supervisor may be gone: then the end of the line says so.
    let _ = writeln!(&line, "{}", child.id());
    let guest = Arc::new(Mutex::new(Some(Pid::from_child(&child))));
    let ordered = Arc::clone(&guest);
    thread::Builder::new().spawn(move || obey(line, &ordered, stop))?;
    let status = wait_for(&mut child, &guest)?;
    kill_left_behind();
    Ok(exit_as(status, &signals))
}

/// Signals the guest as the supervisor says; the end of `line` says both orders, `stop` apart.
fn obey(mut line: UnixStream, guest: &Mutex<Option<Pid>>, stop: Duration) {
    let mut order = [0];
    while line.read_exact(&mut order).is_ok() {
        signal(guest, order[0] == KILL);
    }
    signal(guest, false);
    thread::sleep(stop);
    signal(guest, true);
}

/// A guest gets SIGTERM alone, since it ends its own children in good order; SIGKILL is for all of them.
fn signal(guest: &Mutex<Option<Pid>>, kill: bool) {
    let guest = guest.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = match (*guest, kill) {
        (None, _) => Ok(()),
        (Some(pid), true) => kill_process_group(pid, Signal::KILL),
        (Some(pid), false) => kill_process(pid, Signal::TERM),
    };
}

/// Waits for the guest, and kills its process group while its id can't belong to another one.
fn wait_for(child: &mut Child, guest: &Mutex<Option<Pid>>) -> io::Result<WaitStatus> {
    let pid = Pid::from_child(child);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(error) = waitid(WaitId::Pid(pid), options) {
        if error != rustix::io::Errno::INTR {
            return Err(error.into());
        }
    }
    let mut guest = guest.lock().unwrap_or_else(PoisonError::into_inner);
    *guest = None;
    let _ = kill_process_group(pid, Signal::KILL);
    let status = rustix::process::waitpid(Some(pid), WaitOptions::empty())?;
    let (_, status) = status.ok_or(io::ErrorKind::NotFound)?;
    Ok(status)
}

/// Kills what has left the guest's group, and waits for its end.
fn kill_left_behind() {
    let deadline = Instant::now() + LAST_WAIT;
    while Instant::now() < deadline {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => continue,
            // There is none.
            Err(_) => return,
            Ok(None) => {}
        }
        for child in children() {
            let _ = kill_process(child, Signal::KILL);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task");
    let threads = threads.into_iter().flatten().filter_map(Result::ok);
    let texts =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let text: String = texts.collect();
    let pids = text.split_whitespace().filter_map(|text| text.parse().ok());
    pids.filter_map(Pid::from_raw).collect()
}

/// Ends as the guest did.
fn exit_as(status: WaitStatus, blocked: &SigSet) -> ExitCode {
    if status.terminating_signal() == Some(Signal::KILL.as_raw()) {
        return ExitCode::from(KILLED);
    }
    if let Some(signal) = status.terminating_signal().and_then(Signal::from_named_raw) {
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        // The guest has left a core, if one is wanted.
        let _ = setrlimit(Resource::Core, none);
        let _ = blocked.thread_unblock();
        let _ = kill_process(getpid(), signal);
        thread::sleep(LAST_WAIT);
    }
    let code = status
        .exit_status()
        .and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}
