//! A process between this one and cargo, so that no build outlives who wanted it.
//!
//! It leads a group of its own, which cargo, rustc and the linker are of. When its stdin ends, as it does
//! when its parent dies, however that may come, it ends the group.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use rustix::process::{Signal, kill_current_process_group};

/// The hidden argument that makes the program a keeper; the command follows.
pub const ARGUMENT: &str = "__keep";

/// Runs the command that follows [`ARGUMENT`], and ends as it does.
pub fn main() -> ExitCode {
    let mut diagnostics = std::env::args_os().skip(2);
    match diagnostics
        .next()
        .map(|program| guard(&program, diagnostics))
    {
        Some(Ok(code)) => ExitCode::from(code),
        Some(Err(error)) => {
            eprintln!("error: cargo could not be run: {error}");
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
        // An error is an end, too.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = kill_current_process_group(Signal::KILL);
    })?;
    let code = child.wait()?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
