//! How a process ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// Killed by this signal.
    Signal(i32),
    /// Exited with this code.
    Exit(i32),
    /// It hung for this time and was killed.
    Hung(Duration),
    /// A signal stopped it, and it was killed after this time.
    Stopped(Duration),
}

impl ExitReason {
    /// From the exit status of the process.
    #[must_use]
    pub fn of(status: ExitStatus) -> Self {
        match (status.signal(), status.code()) {
            (Some(signal), _) => Self::Signal(signal),
            (None, code) => Self::Exit(code.unwrap_or_default()),
        }
    }

    /// Whether it is a signal that a process gets from outside: `SIGHUP`, `SIGINT`, `SIGQUIT`, `SIGKILL`,
    /// `SIGTERM`, or one that stops it.
    pub(super) fn is_from_outside(&self) -> bool {
        matches!(self, Self::Signal(1 | 2 | 3 | 9 | 15) | Self::Stopped(_))
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => f.write_str(&signal_name(*signal)),
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Hung(limit) => write!(f, "it hung for {limit:?}"),
            Self::Stopped(limit) => write!(f, "it did not answer for {limit:?}"),
        }
    }
}

/// A signal's name and meaning, or its number.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL: an illegal instruction",
        5 => "SIGTRAP",
        6 => "SIGABRT: it aborted",
        7 => "SIGBUS: it read beyond the end of a mapped file",
        8 => "SIGFPE: an arithmetic error",
        9 => "SIGKILL: often the out-of-memory killer",
        11 => "SIGSEGV: it accessed memory that is not its own",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}
