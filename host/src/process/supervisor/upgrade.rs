//! Upgrading to a new `stackup`: first the worker, then the supervisor itself.
//!
//! A worker of the new program serves before anything else changes, so a program that does not work is
//! detected while the old one is still complete. Then this process executes the new program: it keeps its
//! process id, its children and its sockets. The new program reads them, with the supervisor's state, from a
//! socket at its stdin.

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

use super::control_clients::ControlClients;
use super::guests::{GuestInfo, Guests};
use super::notify::Notify;
use super::pending::Responder;
use super::process_state::is_child;
use super::sockets::Socket;
use super::start::{GRACE, StartPlan};
use super::state::State;
use super::worker::{Phase, Worker, WorkerInfo};
use super::{Event, PendingRequests, Settings, Supervisor, block_on};
use crate::load::manifest::{Listen, ListenProtocols};
use crate::load::saved_libraries::SavedLibraries;
use crate::load::site;
use crate::policy::restart::StackSource;
use crate::process::control::{ControlFile, ControlSocket};
use crate::process::ipc::{receive_with_descriptors, send_with_descriptors};
use crate::process::socket_file::FileId;
use crate::services::{LogSettings, flush_log, level_from_number, start_log};

/// The hidden argument that makes the program take over from another supervisor.
pub const ARGUMENT: &str = "__adopt";

/// All that a supervisor knows, without its descriptors. Those follow in the order of these fields.
///
/// Serialized names stay as they are: an upgrade reads what the previous version wrote.
#[derive(Serialize, Deserialize)]
struct Handover {
    settings: Settings,
    #[serde(rename = "memory")]
    state: State,
    /// Two descriptors each.
    workers: Vec<WorkerInfo>,
    sockets: Vec<Option<Listen>>,
    /// Of each socket, as earlier versions know it.
    #[serde(default)]
    proxy_protocol: Vec<bool>,
    /// Of each socket; none in what such a version writes.
    #[serde(default)]
    protocols: Vec<ListenProtocols>,
    /// Which file each socket has.
    #[serde(default)]
    files: Vec<Option<FileId>>,
    #[serde(rename = "door")]
    control_socket: Option<PathBuf>,
    #[serde(default)]
    control_file: Option<FileId>,
    /// Whether the last descriptor is the socket on which clients find this process.
    #[serde(default)]
    discovery: bool,
    /// With its lock.
    #[serde(rename = "vault")]
    library_store: PathBuf,
    /// How long it has been up, in milliseconds.
    up: u64,
    /// Their descriptors are the last ones.
    #[serde(default)]
    guests: Vec<GuestInfo>,
}

/// The signals that a supervisor handles.
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

/// Delivers the signals that were blocked during the exec; call it when the handlers are installed.
pub(super) fn unblock_signals() {
    if let Err(error) = signals().thread_unblock() {
        tracing::error!("cannot unblock signals: {error}");
    }
}

impl Supervisor {
    /// Replaces the worker, and then this process, by the program that is installed now.
    pub(super) fn upgrade(&mut self, responder: Option<Responder>) {
        self.begin_renewal("upgrade", StackSource::Active, responder, true);
    }

    /// Whether the handover would include all that goes on. What it does not include ends within seconds.
    pub(super) fn may_hand_over(&self) -> bool {
        let changes = self.renewal.is_some() || self.planned.is_some();
        let replies = self.pending.has_takeovers();
        let goes = self.workers.values().any(Worker::is_about_to_go) || self.guests.have_exits();
        !changes && !replies && !goes
    }

    /// Executes the program that is installed now. Returns only if that fails.
    pub(super) fn exec_successor(&mut self) {
        // The successor opens their files again.
        self.libraries.restore(self.state.saved_libraries());
        let error = match self.hand_over().and_then(|stdin| self.exec(&stdin)) {
            Ok(never) => match never {},
            Err(error) => error,
        };
        unblock_signals();
        tracing::error!("cannot execute the new supervisor: {error}; the old one keeps running");
    }

    fn exec(&self, stdin: &OwnedFd) -> io::Result<Infallible> {
        let text = |text: &OsStr| CString::new(text.as_bytes()).map_err(io::Error::other);
        let program = text(self.settings.program.as_os_str())?;
        let manifest = text(self.settings.manifest.as_os_str())?;
        let argument = text(OsStr::new(ARGUMENT))?;
        // A signal before the new program has its handlers would end it. It is blocked until then
        // (`unblock_signals`). std's exec would unblock it.
        signals().thread_block()?;
        rustix::stdio::dup2_stdin(stdin)?;
        // The thread that writes what waits ends with this program.
        flush_log();
        Ok(execv(&program, &[c"stackup", &argument, &manifest])?)
    }

    /// A socket from which the new program can read all state and descriptors of this process.
    fn hand_over(&self) -> io::Result<OwnedFd> {
        let (near, far) = UnixStream::pair()?;
        let socket = self.control_socket.as_ref();
        let control_file = socket.and_then(|socket| socket.file.as_ref());
        let discovery = socket.and_then(|socket| socket.discovery.as_ref());
        let handover = Handover {
            settings: self.settings.clone(),
            state: self.state.clone(),
            workers: self.workers.values().map(Worker::info).collect(),
            sockets: self
                .sockets
                .iter()
                .map(|socket| socket.address.clone())
                .collect(),
            proxy_protocol: self
                .sockets
                .iter()
                .map(|socket| socket.protocols.proxy_protocol)
                .collect(),
            protocols: self
                .sockets
                .iter()
                .map(|socket| socket.protocols.clone())
                .collect(),
            files: self.sockets.iter().map(|socket| socket.id).collect(),
            control_socket: control_file.map(|file| file.path.clone()),
            control_file: control_file.and_then(|file| file.id),
            discovery: discovery.is_some(),
            library_store: self.libraries.dir().path().to_path_buf(),
            up: u64::try_from(self.since.elapsed().as_millis()).unwrap_or(0),
            guests: self.guests.info(),
        };
        let mut descriptors = vec![self.libraries.dir().lock().as_fd()];
        descriptors.extend(control_file.map(|file| file.listener.as_fd()));
        descriptors.extend(self.sockets.iter().map(AsFd::as_fd));
        descriptors.extend(self.workers.values().flat_map(Worker::descriptors));
        descriptors.extend(discovery.map(AsFd::as_fd));
        descriptors.extend(self.guests.descriptors());
        send_with_descriptors(near, &handover, &descriptors)?;
        Ok(far.into())
    }
}

/// Continues as the supervisor that this process was before the upgrade.
pub fn main() -> ExitCode {
    let taken = receive_with_descriptors::<Handover>(rustix::stdio::stdin());
    let (handover, descriptors) = match taken {
        Ok(taken) => taken,
        Err(error) => {
            eprintln!("error: `stackup __adopt` is for internal use only: {error}");
            return ExitCode::FAILURE;
        }
    };
    start_log(LogSettings {
        format: handover.settings.format,
        level: level_from_number(handover.settings.level),
        color: handover.settings.color,
    });
    let lived = block_on(async {
        let (events, receiver) = mpsc::unbounded_channel();
        let supervisor = Supervisor::resume(handover, descriptors, events)
            .map_err(|error| format!("cannot take over from the previous supervisor: {error}"))?;
        tracing::info!(
            event = "upgraded",
            version = env!("CARGO_PKG_VERSION"),
            "the supervisor is now stackup {}",
            env!("CARGO_PKG_VERSION")
        );
        supervisor.run(receiver).await
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
    fn resume(
        handover: Handover,
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
        let mut libraries = SavedLibraries::adopt(handover.library_store, next()?.into());
        libraries.keep_open(handover.state.kept_libraries());
        let control_file = match handover.control_socket {
            Some(path) => Some(ControlFile {
                listener: UnixListener::from(next()?),
                id: handover.control_file.or_else(|| FileId::of(&path)),
                path,
            }),
            None => None,
        };
        let mut settings = handover.settings;
        if settings.location.as_os_str().is_empty() {
            settings.location = site::absolute(&settings.manifest);
        }
        let mut sockets = Vec::new();
        let mut protocols = ListenProtocols::of_each(handover.protocols, handover.proxy_protocol);
        let mut files = handover.files.into_iter();
        for address in handover.sockets {
            let protocols = protocols.next().unwrap_or_default();
            sockets.push(Socket::adopt(
                address,
                protocols,
                &settings.location,
                next()?,
                files.next().flatten(),
            )?);
        }
        let patience = handover.state.rules().retire_time();
        let mut workers = std::collections::BTreeMap::new();
        for info in handover.workers {
            let (number, ends) = (info.number, info.phase == Phase::Ending);
            let (line, last_words) = (UnixStream::from(next()?), next()?);
            // An earlier version may hand over a worker whose exit it has collected: nothing will be heard of it, and another
            // process may have its number by now.
            if !is_child(info.pid) {
                continue;
            }
            let mut worker = Worker::adopt(info, line, last_words, &events)?;
            worker.deadline = ends.then(|| Instant::now() + patience + GRACE);
            workers.insert(number, worker);
        }
        let has_worker = workers.values().any(|worker| worker.phase != Phase::Ending);
        let planned = (!has_worker).then(|| {
            let (start, cause) = (StackSource::Active, "crash".to_owned());
            (Instant::now(), StartPlan { start, cause })
        });
        let discovery = match handover.discovery {
            true => Some(UnixListener::from(next()?)),
            false => None,
        };
        let folder = libraries.dir().path().to_path_buf();
        let mut guests = Guests::new(folder, events.clone());
        guests.adopt(handover.guests, next)?;
        let asked = settings.control.as_deref();
        let control_socket = ControlSocket::resume(control_file, discovery, asked);
        let up = std::time::Duration::from_millis(handover.up);
        Ok(Self {
            settings,
            sockets,
            control_socket,
            control_accept: None,
            control_clients: ControlClients::new(),
            unserved: false,
            next_restore: Instant::now(),
            libraries,
            workers,
            state: handover.state,
            pending: PendingRequests::default(),
            renewal: None,
            handover: None,
            guests,
            replacing: None,
            planned,
            served: true,
            stopping: None,
            failed: None,
            since: Instant::now().checked_sub(up).unwrap_or_else(Instant::now),
            notify: Notify::after_upgrade(),
            replies_in_flight: std::sync::Arc::default(),
            events,
        })
    }
}
