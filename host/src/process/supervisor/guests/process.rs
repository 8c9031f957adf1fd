//! One process of a guest, with its guard.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitStatus, kill_process, kill_process_group};
use stackup_plugin::{GuestListen, GuestOptions};
use tokio::task::AbortHandle;

use super::super::Event;
use super::output::{LastLines, forward};
use super::{ClaimId, Launcher, ProcessEvent, memory, ready};
use crate::load::program;
use crate::policy::ExitReason;
use crate::process::guest_guard;
use crate::services::{GuestAddress, GuestState};

/// How long to wait for the last lines of a process that has exited.
const FINAL_READ: Duration = Duration::from_millis(200);

/// How long a process may take to end after SIGKILL. One that waits for a disk takes longer.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// What a service manager tells the supervisor, and nobody else.
const NOT_INHERITED: [&str; 4] = [
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];

/// A process of a guest.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) number: u32,
    /// The child of the supervisor, whose exit is that of the process.
    pub(super) guard: Pid,
    /// The process itself, once the guard has said it.
    pub(super) pid: Option<Pid>,
    pub(super) address: GuestAddress,
    pub(super) stage: Stage,
    /// When the stage began.
    pub(super) since: Instant,
    /// When it was started.
    pub(super) born: Instant,
    /// The bytes that it and its children take, as they were measured last.
    pub(super) memory: Option<u64>,
    pub(super) is_measured: bool,
    /// Whether it was killed.
    pub(super) killed: bool,
    /// How many of its outputs are open.
    pub(super) outputs: u32,
    pub(super) ended: Option<(WaitStatus, Instant)>,
    pub(super) last: LastLines,
    pub(super) guard_line: UnixStream,
    pub(super) pipes: [OwnedFd; 2],
}

/// What a process is doing.
#[derive(Debug)]
pub(super) enum Stage {
    /// It does not answer yet.
    Starting {
        deadline: Instant,
        /// What asks it.
        asking: AbortHandle,
    },
    /// Requests go to it.
    Ready,
    /// Another one has taken over; these claims have requests on it.
    Draining {
        waits_for: BTreeSet<ClaimId>,
        deadline: Instant,
    },
    /// It has got its signal to end.
    Stopping { deadline: Instant },
    /// It was killed.
    Killed { deadline: Instant },
}

impl Process {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// The system refuses a process, a socket or a pipe.
    pub(super) fn start(
        number: u32,
        options: &GuestOptions,
        launcher: &Launcher,
    ) -> io::Result<Self> {
        let address = address(number, options.listen, &launcher.folder)?;
        let (variable, value) = match &address {
            GuestAddress::Socket(path) => ("SOCKET", path.display().to_string()),
            GuestAddress::Port(port) => ("PORT", port.to_string()),
        };
        let filled = |argument: &String| fill(argument, variable, &value);
        let (near, far) = UnixStream::pair()?;
        let (out, out_in) = pipe_with(PipeFlags::CLOEXEC)?;
        let (error, error_in) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut command = Command::new(program::current_exe()?);
        command
            .arg0("stackup")
            .arg(guest_guard::ARGUMENT)
            .arg(options.stop_timeout.to_string())
            .args(options.command.iter().map(filled))
            .current_dir(&options.dir)
            .stdin(Stdio::from(OwnedFd::from(far)))
            .stdout(Stdio::from(out_in))
            .stderr(Stdio::from(error_in))
            .process_group(0);
        for name in NOT_INHERITED.into_iter().chain(["SOCKET", "PORT"]) {
            command.env_remove(name);
        }
        let child = command.envs(&options.env).env(variable, &value).spawn()?;
        let asking = ready::ask(number, address.clone(), options, launcher);
        let deadline = Instant::now() + Duration::from_millis(options.ready_timeout);
        let stage = Stage::Starting { deadline, asking };
        let guard = Pid::from_child(&child);
        let mut process = Self::new(number, guard, address, stage, near, [out, error]);
        process.listen(&options.name, launcher)?;
        Ok(process)
    }

    /// One that was started now, of which nothing has been heard.
    pub(super) fn new(
        number: u32,
        guard: Pid,
        address: GuestAddress,
        stage: Stage,
        guard_line: UnixStream,
        pipes: [OwnedFd; 2],
    ) -> Self {
        let now = Instant::now();
        Self {
            number,
            guard,
            pid: None,
            address,
            stage,
            since: now,
            born: now,
            memory: None,
            is_measured: false,
            killed: false,
            outputs: 2,
            ended: None,
            last: LastLines::default(),
            guard_line,
            pipes,
        }
    }

    /// Reads what it and its guard say.
    pub(super) fn listen(&mut self, name: &str, launcher: &Launcher) -> io::Result<()> {
        for pipe in &self.pipes {
            forward(self.number, name, pipe.try_clone()?, &self.last, launcher)?;
        }
        ready::read_pid(self.number, self.guard_line.try_clone()?, launcher)
    }

    pub(super) fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Starting { .. })
    }

    /// Enters a stage.
    pub(super) fn set_stage(&mut self, stage: Stage) {
        if let Stage::Starting { asking, .. } = &self.stage {
            asking.abort();
        }
        self.stage = stage;
        self.since = Instant::now();
    }

    /// The answer to claims once it is ready.
    pub(super) fn ready_state(&self) -> GuestState {
        GuestState::Ready {
            process: self.number,
            address: self.address.clone(),
        }
    }

    /// Its process id, for people.
    pub(super) fn shown_pid(&self) -> i32 {
        self.pid.unwrap_or(self.guard).as_raw_nonzero().get()
    }

    /// Whether no request is left on it, now that this claim has none.
    pub(super) fn is_drained_by(&mut self, claim: ClaimId) -> bool {
        match &mut self.stage {
            Stage::Draining { waits_for, .. } => waits_for.remove(&claim) && waits_for.is_empty(),
            _ => false,
        }
    }

    /// Tells it to end.
    pub(super) fn stop(&mut self, options: &GuestOptions) {
        match self.stage {
            Stage::Stopping { .. } | Stage::Killed { .. } => {}
            Stage::Starting { .. } | Stage::Ready | Stage::Draining { .. } => {
                self.set_stage(Stage::Stopping {
                    deadline: Instant::now() + Duration::from_millis(options.stop_timeout),
                });
                self.tell_guard(guest_guard::TERMINATE);
            }
        }
    }

    /// Kills it, and all that it has started; the second time its guard, which then may leave it behind.
    pub(super) fn kill(&mut self) {
        if std::mem::replace(&mut self.killed, true) && self.ended.is_none() {
            let _ = kill_process(self.guard, Signal::KILL);
        }
        let limit = Instant::now() + KILL_TIMEOUT;
        match &mut self.stage {
            // Its exit is to be reported as that of a start.
            Stage::Starting { deadline, asking } => {
                asking.abort();
                *deadline = limit;
            }
            _ => self.set_stage(Stage::Killed { deadline: limit }),
        }
        self.tell_guard(guest_guard::KILL);
    }

    /// A guard that has died says so by its exit.
    fn tell_guard(&self, order: u8) {
        let _ = (&self.guard_line).write_all(&[order]);
    }

    /// Its guard has exited.
    pub(super) fn exited(&mut self, status: WaitStatus) {
        self.ended = Some((status, Instant::now() + FINAL_READ));
        // The guard itself was killed: the process is still there.
        if let Some(pid) = self.pid.take()
            && status.terminating_signal() == Some(Signal::KILL.as_raw())
        {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        if let GuestAddress::Socket(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
        if let Stage::Starting { asking, .. } = &self.stage {
            asking.abort();
        }
    }

    /// Whether it has exited and its output is read.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.ended
            .is_some_and(|(_, due)| self.outputs == 0 || due <= now)
    }

    /// How it ended, as `ended (exit code 1)`.
    pub(super) fn how_it_ended(&self) -> String {
        let Some((status, _)) = self.ended else {
            return "ended".to_owned();
        };
        let reason = match status.terminating_signal() {
            Some(signal) => ExitReason::Signal(signal),
            None => match status.exit_status().unwrap_or_default() {
                code if code == i32::from(guest_guard::KILLED) => {
                    ExitReason::Signal(Signal::KILL.as_raw())
                }
                code => ExitReason::Exit(code),
            },
        };
        format!("ended ({reason})")
    }

    /// Its last lines, as an indented block.
    pub(super) fn last_lines(&self) -> String {
        self.last.to_string()
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if let Some((_, due)) = self.ended {
            return Some(due);
        }
        match self.stage {
            Stage::Starting { deadline, .. }
            | Stage::Draining { deadline, .. }
            | Stage::Stopping { deadline }
            | Stage::Killed { deadline } => Some(deadline),
            Stage::Ready => None,
        }
    }

    /// Has its memory measured, on a thread that may wait for the kernel: it walks all of its mappings.
    pub(super) fn measure(&mut self, launcher: &Launcher) {
        let Some(pid) = self.pid.filter(|_| !self.is_measured) else {
            return;
        };
        self.is_measured = true;
        let (number, events) = (self.number, launcher.events.clone());
        tokio::task::spawn_blocking(move || {
            let bytes = memory::of_tree(pid);
            let _ = events.send(Event::Guest(number, ProcessEvent::Measured(bytes)));
        });
    }

    /// Why another process should take over, if it should.
    pub(super) fn worn(&self, options: &GuestOptions) -> Option<String> {
        let age = self.born.elapsed();
        if options
            .max_age
            .is_some_and(|limit| age >= Duration::from_millis(limit))
        {
            return Some(format!("is {:.0} s old", age.as_secs_f64()));
        }
        if let Some(limit) = options.memory
            && let Some(bytes) = self.memory
            && bytes > limit
        {
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            return Some(format!(
                "takes {:.1} MiB of memory, more than {:.1}",
                mib(bytes),
                mib(limit)
            ));
        }
        match &self.address {
            GuestAddress::Socket(path) if !path.exists() => Some("has lost its socket".to_owned()),
            _ => None,
        }
    }

    /// The descriptors that the next supervisor needs to adopt it.
    pub(super) fn descriptors(&self) -> [BorrowedFd<'_>; 3] {
        let [out, error] = &self.pipes;
        [self.guard_line.as_fd(), out.as_fd(), error.as_fd()]
    }
}

/// Where a process is to listen.
fn address(number: u32, listen: GuestListen, folder: &Path) -> io::Result<GuestAddress> {
    match listen {
        GuestListen::Port => {
            // Closed before the process binds it: another program may be faster, and then the start fails.
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            Ok(GuestAddress::Port(listener.local_addr()?.port()))
        }
        _ => {
            let path = folder.join(format!("guest-{number}.sock"));
            match path.as_os_str().len() < 108 {
                true => Ok(GuestAddress::Socket(path)),
                false => Err(io::Error::other(format!(
                    "`{}` is too long for a socket: set TMPDIR to a shorter path, or use `listen = \"port\"`",
                    path.display()
                ))),
            }
        }
    }
}

/// Puts `value` in place of `$NAME` and `${NAME}`.
fn fill(argument: &str, name: &str, value: &str) -> String {
    argument
        .replace(&format!("${{{name}}}"), value)
        .replace(&format!("${name}"), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_to_listen_is_filled_in() {
        assert_eq!(fill("unix://$SOCKET", "SOCKET", "/run/a"), "unix:///run/a");
        assert_eq!(fill("${PORT}:$PORT", "PORT", "80"), "80:80");
        assert_eq!(fill("$SOCKETS", "PORT", "80"), "$SOCKETS");
    }
}
