//! A process between this one and cargo, so that no build outlives this one.
//!
//! It leads a process group that cargo, rustc and the linker belong to. Its stdin ends when its parent dies, however that
//! happens; then it kills the group.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use rustix::process::{Signal, kill_current_process_group};

/// The hidden argument that runs the program as this guard; the command follows.
pub const ARGUMENT: &str = "__keep";

/// Runs the command that follows [`ARGUMENT`] and exits with its code.
pub fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(2);
    match words.next().map(|program| guard(&program, words)) {
        Some(Ok(code)) => ExitCode::from(code),
        Some(Err(error)) => {
            eprintln!("error: cannot run cargo: {error}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("error: `stackup {ARGUMENT}` is for stackup's own use");
            ExitCode::FAILURE
        }
    }
}

fn guard(program: &OsString, arguments: impl Iterator<Item = OsString>) -> io::Result<u8> {
    let mut command = Command::new(program);
    let mut child = command.args(arguments).stdin(Stdio::null()).spawn()?;
    thread::Builder::new().spawn(|| {
        // An error counts as the end.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = kill_current_process_group(Signal::KILL);
    })?;
    let code = child.wait()?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
