//! A worker process and the supervisor's connection to it.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Stdio};
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc;

use super::Event;
use super::sockets::Socket;
use super::start::StartPlan;
use super::worker_events::{EventReader, Unfinished};
use crate::load::tunables;
use crate::policy::restart::StackSource;
use crate::policy::{ExitReason, Heartbeat};
use crate::process::ipc::{
    ARGUMENT, Command, WorkerConfig, send_bytes_with, send_with_descriptors,
};
use crate::services::GuestState;

/// The most commands that wait for a worker that does not read.
const COMMAND_QUEUE: usize = 64;

/// The most of them that may be lines of guests.
const LINE_QUEUE: usize = COMMAND_QUEUE / 2;

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    /// It loads its stack.
    Starting,
    /// It accepts connections.
    Serving,
    /// It finishes its requests.
    Ending,
}

/// A worker.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) number: u32,
    pub(super) pid: Pid,
    pub(super) phase: Phase,
    /// When the phase began.
    pub(super) since: Instant,
    /// Why it was started.
    pub(super) cause: String,
    /// Which stack it was started with.
    pub(super) origin: StackSource,
    /// When it is killed unless it has left the phase.
    pub(super) deadline: Option<Instant>,
    /// One of its handlers blocks a thread for good.
    pub(super) hung: bool,
    /// Whether it answers; none if it does not know the question.
    pub(super) heartbeat: Option<Heartbeat>,
    /// Whether it can hand over its store.
    pub(super) handover: bool,
    /// Whether it knows [`Command::Data`].
    pub(super) data_commands: bool,
    /// How it hung, if it was killed for that.
    pub(super) silent: Option<ExitReason>,
    /// Why the supervisor has killed it.
    pub(super) killed: Option<&'static str>,
    /// Why it shuts down without a command.
    pub(super) leaving: Option<String>,
    /// How it exited; it stays in the list until its last event is read.
    pub(super) ended: Option<rustix::process::WaitStatus>,
    /// Its socket is closed: its last event is read.
    pub(super) disconnected: bool,
    line: UnixStream,
    unfinished: Unfinished,
    commands: mpsc::Sender<(Command, Option<OwnedFd>)>,
    /// The lines of guests for which there was no room.
    left_out: u64,
    last_words: OwnedFd,
}

impl Worker {
    /// Starts `program` as a worker.
    ///
    /// # Errors
    ///
    /// The system refuses a process, a socket or a pipe.
    pub(super) fn start(
        program: &Path,
        number: u32,
        plan: &StartPlan,
        config: &WorkerConfig,
        sockets: &[&Socket],
        events: &mpsc::UnboundedSender<Event>,
    ) -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        let (last_words, last_words_in) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let child = process::Command::new(program)
            .arg0("stackup")
            .arg(ARGUMENT)
            // Shown in lists of processes.
            .arg(&config.manifest)
            .stdin(Stdio::from(OwnedFd::from(far)))
            .env_remove("NOTIFY_SOCKET")
            .env(tunables::VARIABLE, tunables::for_plugins())
            .spawn()?;
        let descriptors: Vec<_> = [last_words_in.as_fd()]
            .into_iter()
            .chain(sockets.iter().map(|socket| socket.as_fd()))
            .collect();
        send_with_descriptors(&near, config, &descriptors)?;
        let pid = Pid::from_child(&child);
        Self::adopt(
            WorkerInfo {
                number,
                pid,
                phase: Phase::Starting,
                cause: plan.cause.clone(),
                origin: plan.start,
                heartbeat: false,
                handover: false,
                data_commands: false,
                unfinished: Vec::new(),
            },
            near,
            last_words,
            events,
        )
    }

    /// A worker that already runs.
    pub(super) fn adopt(
        info: WorkerInfo,
        line: UnixStream,
        last_words: OwnedFd,
        events: &mpsc::UnboundedSender<Event>,
    ) -> io::Result<Self> {
        line.set_nonblocking(true)?;
        let (reader, writer) = tokio::net::UnixStream::from_std(line.try_clone()?)?.into_split();
        let (commands, mut waiting) = mpsc::channel(COMMAND_QUEUE);
        tokio::spawn(async move {
            let mut writer = writer;
            while let Some((command, descriptor)) = waiting.recv().await {
                // That it is gone shows when it exits.
                if write(&mut writer, &command, descriptor).await.is_err() {
                    return;
                }
            }
        });
        let (number, events) = (info.number, events.clone());
        let unfinished = Unfinished::new(info.unfinished);
        let mut reader = EventReader::new(reader, number, unfinished.clone());
        tokio::spawn(async move {
            while let Some(event) = reader.next().await {
                let last = matches!(event, Event::Garbled(..));
                if events.send(event).is_err() {
                    return;
                }
                if last {
                    break;
                }
            }
            // Without a receiver the supervisor shuts down.
            let _ = events.send(Event::Disconnected(number));
        });
        Ok(Self {
            number: info.number,
            pid: info.pid,
            phase: info.phase,
            since: Instant::now(),
            cause: info.cause,
            origin: info.origin,
            deadline: None,
            hung: false,
            heartbeat: info.heartbeat.then(Heartbeat::default),
            handover: info.handover,
            data_commands: info.data_commands,
            silent: None,
            killed: None,
            leaving: None,
            ended: None,
            disconnected: false,
            line,
            unfinished,
            commands,
            left_out: 0,
            last_words,
        })
    }

    /// What the next supervisor needs to adopt it.
    pub(super) fn info(&self) -> WorkerInfo {
        WorkerInfo {
            number: self.number,
            pid: self.pid,
            phase: self.phase,
            cause: self.cause.clone(),
            origin: self.origin,
            heartbeat: self.heartbeat.is_some(),
            handover: self.handover,
            data_commands: self.data_commands,
            unfinished: self.unfinished.to_vec(),
        }
    }

    /// The descriptors that the next supervisor needs to adopt it.
    pub(super) fn descriptors(&self) -> [std::os::fd::BorrowedFd<'_>; 2] {
        [self.line.as_fd(), self.last_words.as_fd()]
    }

    /// Sends a command. False if its queue is full or it is gone.
    pub(super) fn send(&self, command: Command) -> bool {
        self.commands.try_send((command, None)).is_ok()
    }

    /// Sends a command with a descriptor. False as for [`send`](Self::send).
    pub(super) fn send_with(&self, command: Command, descriptor: OwnedFd) -> bool {
        self.commands.try_send((command, Some(descriptor))).is_ok()
    }

    /// Sends a line that the guest of this claim has written, if that leaves room for commands. Before the next one it says how many
    /// were left out.
    pub(super) fn send_line(&mut self, claim: u64, line: String) {
        if self.commands.capacity() <= COMMAND_QUEUE - LINE_QUEUE {
            self.left_out += 1;
            return;
        }
        let left_out = match std::mem::take(&mut self.left_out) {
            0 => None,
            count => Some(format!(
                "{count} lines that came too fast are left out here"
            )),
        };
        for line in left_out.into_iter().chain([line]) {
            let state = GuestState::Said { line };
            self.send(Command::Guest { claim, state });
        }
    }

    /// Enters a phase.
    pub(super) fn set_phase(&mut self, phase: Phase, deadline: Option<Instant>) {
        self.phase = phase;
        self.since = Instant::now();
        self.deadline = deadline;
    }

    /// How long it has served as the only one; not at all while it starts.
    pub(super) fn served(&self) -> Duration {
        match self.phase {
            Phase::Starting => Duration::ZERO,
            Phase::Serving | Phase::Ending => self.since.elapsed(),
        }
    }

    /// Whether it has exited, or is killed: the supervisor has yet to read its last events.
    pub(super) fn is_about_to_go(&self) -> bool {
        self.ended.is_some() || self.killed.is_some()
    }

    /// Kills it.
    pub(super) fn kill(&mut self, why: &'static str) {
        if self.ended.is_some() {
            // Another process may have its number.
            return;
        }
        self.killed = Some(why);
        self.deadline = None;
        // It may have exited a moment ago.
        let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::KILL);
    }

    /// The crash report that it wrote, if any. Call it after the worker has exited.
    pub(super) fn last_words(&self) -> String {
        let mut text = Vec::new();
        if let Ok(pipe) = self.last_words.try_clone() {
            // The pipe may be empty, and a child may still hold its other end: reading does not block.
            let _ = std::fs::File::from(pipe).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Writes a command as a line. A descriptor goes with its first bytes.
async fn write(
    writer: &mut OwnedWriteHalf,
    command: &Command,
    descriptor: Option<OwnedFd>,
) -> io::Result<()> {
    let mut text = serde_json::to_vec(command)?;
    text.push(b'\n');
    let mut sent = 0;
    if let Some(descriptor) = descriptor {
        let socket: &tokio::net::UnixStream = (*writer).as_ref();
        let send = || send_bytes_with(socket, &text, descriptor.as_fd());
        sent = socket.async_io(Interest::WRITABLE, send).await?;
    }
    writer.write_all(text.get(sent..).unwrap_or_default()).await
}

/// A worker without its descriptors, for an upgrade.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct WorkerInfo {
    pub(super) number: u32,
    #[serde(with = "pid")]
    pub(super) pid: Pid,
    pub(super) phase: Phase,
    pub(super) cause: String,
    pub(super) origin: StackSource,
    /// Whether it knows [`Command::Ping`].
    #[serde(default)]
    pub(super) heartbeat: bool,
    /// Whether it knows [`Command::SaveStore`].
    #[serde(default)]
    pub(super) handover: bool,
    /// Whether it knows [`Command::Data`].
    #[serde(default)]
    pub(super) data_commands: bool,
    /// The bytes of an event whose end has not been read.
    #[serde(default)]
    pub(super) unfinished: Vec<u8>,
}

mod pid {
    use rustix::process::Pid;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(pid: &Pid, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i32(pid.as_raw_nonzero().get())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Pid, D::Error> {
        let number = i32::deserialize(from)?;
        Pid::from_raw(number).ok_or_else(|| serde::de::Error::custom("no process has this number"))
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
