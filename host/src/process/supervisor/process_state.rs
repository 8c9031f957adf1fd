//! What the system says about a process: why it does not answer, and whether it is a child.

use std::fmt;

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Why a process may be silent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ProcessState {
    /// A signal has stopped it (SIGSTOP, SIGTSTP).
    pub(super) stopped: bool,
    /// It waits for a disk, and no signal ends that.
    pub(super) disk: bool,
    /// A debugger holds it, or its core is being written: it continues, or ends by itself.
    pub(super) examined: bool,
}

impl ProcessState {
    /// That of the process `pid`, as far as the system tells.
    pub(super) fn of(pid: Pid) -> Self {
        let path = format!("/proc/{}/status", pid.as_raw_nonzero());
        let status = std::fs::read_to_string(path);
        status.map_or_else(|_| Self::default(), |status| Self::parse(&status))
    }

    fn parse(status: &str) -> Self {
        let value = |key: &str| {
            let mut lines = status.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value.trim())
        };
        let set = |key| value(key).is_some_and(|value| value != "0");
        let state = value("State").unwrap_or_default();
        Self {
            stopped: state.starts_with('T'),
            disk: state.starts_with('D'),
            examined: set("TracerPid") || set("CoreDumping"),
        }
    }
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self { examined: true, .. } => " (a debugger holds it, or its core is being written)",
            Self { stopped: true, .. } => " (a signal has stopped it)",
            Self { disk: true, .. } => " (it waits for a disk)",
            _ => "",
        })
    }
}

/// Whether the process is a child of this one, a zombie included.
pub(super) fn is_child(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), options), Err(Errno::CHILD))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn stopped_traced_and_dumping_processes_are_told_apart() {
        let state = |text: &str| ProcessState::parse(text);
        let stopped =
            state("Name:\tstackup\nState:\tT (stopped)\nTracerPid:\t0\nCoreDumping:\t0\n");
        assert!(stopped.stopped && !stopped.examined);
        let traced = state("Name:\tstackup\nState:\tt (tracing stop)\nTracerPid:\t712\n");
        assert!(traced.examined && !traced.stopped);
        assert!(state("State:\tS (sleeping)\nTracerPid:\t0\nCoreDumping:\t1\n").examined);
        assert_eq!(
            state("State:\tS (sleeping)\nTracerPid:\t0\n"),
            ProcessState::default()
        );
        assert_eq!(
            state("State:\tD (disk sleep)\n").to_string(),
            " (it waits for a disk)"
        );
    }

    #[test]
    fn this_process_is_running() {
        let this = ProcessState::of(rustix::process::getpid());
        assert!(!this.stopped);
    }

    #[test]
    fn process_whose_exit_was_collected_is_no_child() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        assert!(is_child(pid));
        // A zombie is one until then.
        let exited = waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        );
        assert!(matches!(exited, Ok(Some(_))));
        assert!(is_child(pid));
        child.wait().unwrap();
        assert!(!is_child(pid));
        assert!(!is_child(Pid::INIT));
    }
}
