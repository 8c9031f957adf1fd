//! A new `stackup` in the place of this one: first the worker, then the supervisor itself.
//!
//! A worker of the new program serves before anything else changes: so a program that does not work is
//! found out while the old one is whole. Then this process becomes the new program (exec): it keeps its
//! number, its children and its sockets, which it finds, with all that it knew, in a socket at its stdin.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use nix::sys::signal::{SigSet, Signal};
use nix::unistd::execv;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::notify::Notify;
use super::pending::Asker;
use super::sockets::Socket;
use super::start::GRACE;
use super::state::Memory;
use super::worker::{Known, Phase, Worker};
use super::{Answers, Event, Settings, Supervisor, in_runtime};
use crate::load::library::RuntimeDir;
use crate::load::manifest::Listen;
use crate::process::control::Door;
use crate::process::ipc::{pass, receive};
use crate::services::{LogSettings, level_of, start_log};

/// The hidden argument that makes the program take over from another supervisor.
pub const ARGUMENT: &str = "__adopt";

/// All that a supervisor knows, apart from descriptors; these come in the order in which they are here.
#[derive(Serialize, Deserialize)]
struct Legacy {
    settings: Settings,
    memory: Memory,
    /// Two descriptors each.
    workers: Vec<Known>,
    sockets: Vec<Option<Listen>>,
    door: Option<PathBuf>,
    /// With its lock.
    vault: PathBuf,
    /// How long it has been up, in milliseconds.
    up: u64,
}

/// What a supervisor listens to.
fn signals() -> SigSet {
    [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGUSR2,
        Signal::SIGCHLD,
    ]
    .into_iter()
    .collect()
}

/// From here on signals find somebody who listens: those come that have waited.
pub(super) fn hears_signals() {
    if let Err(error) = signals().thread_unblock() {
        tracing::error!("signals are not heard: {error}");
    }
}

impl Supervisor {
    /// Replaces the worker by one of the program's file as it is now, and then this process.
    pub(super) fn upgrade(&mut self, asker: Option<Asker>) {
        self.begin_renewal("upgrade", true, asker, true);
    }

    /// Becomes the program's file as it is now. Returns only if that fails.
    pub(super) fn replace_itself(&self) {
        let error = match self.bequeath().and_then(|heir| self.become_heir(&heir)) {
            Ok(never) => match never {},
            Err(error) => error,
        };
        hears_signals();
        tracing::error!(
            "the supervisor goes on as it was, for the new one could not be started: {error}"
        );
    }

    fn become_heir(&self, heir: &OwnedFd) -> io::Result<Infallible> {
        let text = |text: &OsStr| CString::new(text.as_bytes()).map_err(io::Error::other);
        let program = text(self.settings.program.as_os_str())?;
        let manifest = text(self.settings.manifest.as_os_str())?;
        let argument = text(OsStr::new(ARGUMENT))?;
        // A signal that comes before the heir listens would end it: it waits until then (`hears_signals`).
        // std's exec would let it through.
        signals().thread_block()?;
        rustix::stdio::dup2_stdin(heir)?;
        Ok(execv(&program, &[c"stackup", &argument, &manifest])?)
    }

    /// A socket in which all that this process has lies ready.
    fn bequeath(&self) -> io::Result<OwnedFd> {
        let (near, far) = UnixStream::pair()?;
        let legacy = Legacy {
            settings: self.settings.clone(),
            memory: self.memory.clone(),
            workers: self.workers.values().map(Worker::known).collect(),
            sockets: self
                .sockets
                .iter()
                .map(|socket| socket.address.clone())
                .collect(),
            door: self.door.as_ref().map(|door| door.path.clone()),
            vault: self.vault.path().to_path_buf(),
            up: u64::try_from(self.since.elapsed().as_millis()).unwrap_or(0),
        };
        let mut descriptors = vec![self.vault.lock().as_fd()];
        descriptors.extend(self.door.iter().map(|door| door.listener.as_fd()));
        descriptors.extend(self.sockets.iter().map(AsFd::as_fd));
        descriptors.extend(self.workers.values().flat_map(Worker::descriptors));
        pass(near, &legacy, &descriptors)?;
        Ok(far.into())
    }
}

/// Goes on where another supervisor, which was this process, has stopped.
pub fn main() -> ExitCode {
    let taken = receive::<Legacy>(rustix::stdio::stdin());
    let (legacy, descriptors) = match taken {
        Ok(taken) => taken,
        Err(error) => {
            eprintln!("error: `stackup __adopt` is for stackup's own use: {error}");
            return ExitCode::FAILURE;
        }
    };
    start_log(LogSettings {
        format: legacy.settings.format,
        level: level_of(legacy.settings.level),
        color: legacy.settings.color,
    });
    let lived = in_runtime(async {
        let (events, happens) = mpsc::unbounded_channel();
        let supervisor = Supervisor::inherit(legacy, descriptors, events).map_err(|error| {
            format!("what the supervisor before has left is of no use: {error}")
        })?;
        tracing::info!(
            event = "upgraded",
            version = env!("CARGO_PKG_VERSION"),
            "the supervisor is stackup {} from here on",
            env!("CARGO_PKG_VERSION")
        );
        supervisor.live(happens).await
    });
    match lived {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl Supervisor {
    fn inherit(
        legacy: Legacy,
        descriptors: Vec<OwnedFd>,
        events: mpsc::UnboundedSender<Event>,
    ) -> io::Result<Self> {
        let nothing = std::fs::File::open("/dev/null")?;
        rustix::stdio::dup2_stdin(&nothing)?;
        let mut left = descriptors.into_iter();
        let mut next = || {
            left.next()
                .ok_or_else(|| io::Error::other("a descriptor is missing"))
        };
        let vault = RuntimeDir::adopt(legacy.vault, next()?.into());
        let door = match legacy.door {
            Some(path) => Some(Door {
                listener: UnixListener::from(next()?),
                path,
            }),
            None => None,
        };
        let mut sockets = Vec::new();
        for address in legacy.sockets {
            sockets.push(Socket::adopt(address, next()?)?);
        }
        let rules = legacy.memory.rules();
        let patience =
            std::time::Duration::from_millis(rules.drain_timeout + rules.shutdown_timeout);
        let mut workers = std::collections::BTreeMap::new();
        for known in legacy.workers {
            let (number, ends) = (known.number, known.phase == Phase::Ending);
            let line = UnixStream::from(next()?);
            let mut worker = Worker::adopt(known, line, next()?, &events)?;
            worker.deadline = ends.then(|| Instant::now() + patience + GRACE);
            workers.insert(number, worker);
        }
        let up = std::time::Duration::from_millis(legacy.up);
        Ok(Self {
            settings: legacy.settings,
            sockets,
            door,
            vault,
            workers,
            memory: legacy.memory,
            answers: Answers::default(),
            renewal: None,
            replacing: None,
            planned: None,
            served: true,
            stopping: None,
            failed: None,
            since: Instant::now().checked_sub(up).unwrap_or_else(Instant::now),
            notify: Notify::of_an_heir(),
            answering: std::sync::Arc::default(),
            events,
        })
    }
}
