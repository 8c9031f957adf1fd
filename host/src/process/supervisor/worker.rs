//! A worker process, seen from above.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Stdio};
use std::time::Instant;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use super::Event;
use super::sockets::Socket;
use super::start::StartPlan;
use crate::policy::restart::StackSource;
use crate::process::ipc::{ARGUMENT, Command, WorkerConfig, send_with_descriptors};

/// How many commands may wait for a worker that does not read.
const COMMAND_QUEUE: usize = 64;

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    /// It loads.
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
    /// Since when it is in this phase.
    pub(super) since: Instant,
    /// Why it was started.
    pub(super) cause: String,
    /// What it was started with.
    pub(super) origin: StackSource,
    /// When it is killed, if it has not gone on by then.
    pub(super) deadline: Option<Instant>,
    /// A handler of it blocks its thread for good.
    pub(super) hung: bool,
    /// It was killed by us, for this reason.
    pub(super) killed: Option<&'static str>,
    /// It ends by itself, for this reason.
    pub(super) leaving: Option<String>,
    /// How it ended; kept until all that it had to say was heard.
    pub(super) ended: Option<rustix::process::WaitStatus>,
    /// All that it had to say was heard.
    pub(super) disconnected: bool,
    line: UnixStream,
    commands: mpsc::Sender<Command>,
    last_words: OwnedFd,
}

impl Worker {
    /// Starts `program` as a worker.
    ///
    /// # Errors
    ///
    /// What the system denies.
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
            // For who reads a list of processes.
            .arg(&config.manifest)
            .stdin(Stdio::from(OwnedFd::from(far)))
            .env_remove("NOTIFY_SOCKET")
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
            },
            near,
            last_words,
            events,
        )
    }

    /// A worker that runs already.
    pub(super) fn adopt(
        info: WorkerInfo,
        line: UnixStream,
        last_words: OwnedFd,
        events: &mpsc::UnboundedSender<Event>,
    ) -> io::Result<Self> {
        line.set_nonblocking(true)?;
        let (reader, writer) = tokio::net::UnixStream::from_std(line.try_clone()?)?.into_split();
        let (commands, mut waiting) = mpsc::channel::<Command>(COMMAND_QUEUE);
        tokio::spawn(async move {
            let mut writer = writer;
            while let Some(command) = waiting.recv().await {
                let Ok(mut text) = serde_json::to_vec(&command) else {
                    continue;
                };
                text.push(b'\n');
                // Whether it is gone is told by its end.
                if writer.write_all(&text).await.is_err() {
                    return;
                }
            }
        });
        let (number, events) = (info.number, events.clone());
        tokio::spawn(async move {
            let mut lines = BufReader::new(reader).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let heard = match serde_json::from_str(&line) {
                    Ok(word) => Event::Worker(number, Box::new(word)),
                    Err(error) => Event::Unreadable(number, error.to_string()),
                };
                if events.send(heard).is_err() {
                    return;
                }
            }
            // Nobody listens only when everything ends.
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
            killed: None,
            leaving: None,
            ended: None,
            disconnected: false,
            line,
            commands,
            last_words,
        })
    }

    /// What a supervisor that takes over must know of it.
    pub(super) fn info(&self) -> WorkerInfo {
        WorkerInfo {
            number: self.number,
            pid: self.pid,
            phase: self.phase,
            cause: self.cause.clone(),
            origin: self.origin,
        }
    }

    /// The descriptors of it that a supervisor needs.
    pub(super) fn descriptors(&self) -> [std::os::fd::BorrowedFd<'_>; 2] {
        [self.line.as_fd(), self.last_words.as_fd()]
    }

    /// Sends a command; false if the queue is full or the worker gone.
    pub(super) fn send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// It is in this phase from now on.
    pub(super) fn set_phase(&mut self, phase: Phase, deadline: Option<Instant>) {
        self.phase = phase;
        self.since = Instant::now();
        self.deadline = deadline;
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self, why: &'static str) {
        self.killed = Some(why);
        self.deadline = None;
        // It may have ended this moment.
        let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::KILL);
    }

    /// What it wrote when it crashed. It has ended.
    pub(super) fn last_words(&self) -> String {
        let mut text = Vec::new();
        if let Ok(pipe) = self.last_words.try_clone() {
            // Nothing may be there, and somebody may still hold the other end.
            let _ = std::fs::File::from(pipe).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// What is known of a worker, apart from its descriptors.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct WorkerInfo {
    pub(super) number: u32,
    #[serde(with = "pid")]
    pub(super) pid: Pid,
    pub(super) phase: Phase,
    pub(super) cause: String,
    pub(super) origin: StackSource,
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
