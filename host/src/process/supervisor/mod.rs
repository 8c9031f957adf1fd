//! The long-lived process: it holds the sockets, starts workers, and runs no plugin code.
//!
//! One task owns all of its state (`Supervisor`). Whatever happens reaches that task as an `Event`.

mod bind;
mod control;
mod control_clients;
mod exits;
mod guests;
mod handover;
mod history;
mod listen_changes;
mod metrics;
mod notify;
mod pending;
mod process_state;
mod renewal;
mod rollback;
mod silence;
mod sockets;
mod start;
mod state;
mod status;
mod upgrade;
mod worker;
mod worker_events;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{RwLock, mpsc};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use self::control_clients::ControlClients;
use self::guests::{Guests, ProcessEvent};
use self::handover::StoreHandover;
use self::notify::Notify;
use self::pending::PendingRequests;
use self::renewal::Renewal;
pub use self::sockets::BindError;
use self::sockets::Socket;
use self::start::StartPlan;
use self::state::State;
pub use self::upgrade::{ARGUMENT as ADOPT, main as adopt};
use self::worker::{Phase, Worker};
use crate::load::library::Trust;
use crate::load::manifest::{Listen, ListenTls};
use crate::load::saved_libraries::SavedLibraries;
use crate::policy::restart::StackSource;
use crate::policy::{HEARTBEAT_INTERVAL, Heartbeat};
use crate::process::control::{ControlSocket, Reply, Request};
use crate::process::ipc::{self, BuildOptions, Command};
use crate::services::LogFormat;

/// How long the last replies may take.
const REPLY_TIMEOUT: Duration = Duration::from_millis(500);

/// What is supervised, and how.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// The path of this program. An upgrade starts whatever is at this path by then.
    pub program: PathBuf,
    /// The manifest, as messages name it.
    pub manifest: PathBuf,
    /// The same, absolute, with the links by which it is reached.
    #[serde(default)]
    pub location: PathBuf,
    /// `development`, `production`, ….
    pub environment: String,
    /// Addresses in place of the manifest's.
    pub listen: Option<Vec<Listen>>,
    /// TLS of the addresses that have none of their own; its files have absolute paths.
    #[serde(default)]
    pub tls: Option<ListenTls>,
    /// How to build plugins; none to load libraries that are already built.
    pub build: Option<BuildOptions>,
    /// Refuse libraries that the lock file does not list.
    pub locked: bool,
    /// Whose files to accept, whatever the manifest says.
    #[serde(default)]
    pub trust: Trust,
    /// The path of the control socket, if one was given.
    pub control: Option<PathBuf>,
    /// The log's format.
    pub format: LogFormat,
    /// The most verbose level of the log: 1 error … 5 trace.
    pub level: u8,
    /// Whether the log has colours.
    pub color: bool,
}

/// What the supervisor's task reacts to.
#[derive(Debug)]
enum Event {
    /// A worker sent an event.
    Worker(u32, Box<ipc::Event>),
    /// A worker sent a line that does not parse.
    Unreadable(u32, String),
    /// A worker sent what is no message at all: no later event is read.
    Garbled(u32, String),
    /// A worker's socket is closed: no event follows.
    Disconnected(u32),
    /// Something has happened to a process of a guest.
    Guest(u32, ProcessEvent),
    /// A client of the control socket waits for the reply.
    Request(Request, tokio::sync::oneshot::Sender<Reply>),
}

/// How the supervisor ended.
enum Outcome {
    Stopped,
    /// The first stack was refused, for this reason.
    Failed(String),
}

/// The supervisor's state, with its processes and sockets.
struct Supervisor {
    settings: Settings,
    sockets: Vec<Socket>,
    control_socket: Option<ControlSocket>,
    /// A socket's file was made again, but no worker accepts from it yet.
    unserved: bool,
    /// When the next renewal for such a socket may begin.
    next_restore: Instant,
    /// The task that accepts clients of the control socket's file.
    control_accept: Option<JoinHandle<()>>,
    control_clients: ControlClients,
    libraries: SavedLibraries,
    workers: BTreeMap<u32, Worker>,
    state: State,
    pending: PendingRequests,
    renewal: Option<Renewal>,
    handover: Option<StoreHandover>,
    guests: Guests,
    /// When this process executes the new program; until then the last replies are sent.
    replacing: Option<Instant>,
    /// A worker to be started later.
    planned: Option<(Instant, StartPlan)>,
    /// Whether any worker has ever served.
    served: bool,
    /// Why it shuts down.
    stopping: Option<&'static str>,
    failed: Option<String>,
    since: Instant,
    notify: Notify,
    /// Locked for reading while a reply is written.
    replies_in_flight: Arc<RwLock<()>>,
    events: mpsc::UnboundedSender<Event>,
}

/// Serves until SIGINT, SIGTERM or `stackup stop`.
///
/// # Errors
///
/// Why the first stack can't be served, as text for people. Later failures are logged.
pub fn run(settings: Settings) -> Result<(), String> {
    block_on(async move {
        let (events, receiver) = mpsc::unbounded_channel();
        let supervisor = Supervisor::launch(settings, events)?;
        supervisor.run(receiver).await
    })
}

fn block_on(life: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the async runtime: {error}"))?;
    runtime.block_on(life)
}

impl Supervisor {
    async fn run(mut self, mut receiver: mpsc::UnboundedReceiver<Event>) -> Result<(), String> {
        let no_signals = |error: std::io::Error| format!("cannot handle signals: {error}");
        let mut children = signal(SignalKind::child()).map_err(no_signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
        let mut upgrade = signal(SignalKind::user_defined2()).map_err(no_signals)?;
        let on_terminal = std::io::stderr().is_terminal();
        upgrade::unblock_signals();
        self.listen_to_control();
        let mut check = tokio::time::interval(HEARTBEAT_INTERVAL);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // A child may have exited before SIGCHLD was handled.
        self.reap();
        loop {
            self.settle_guests();
            if let Some(end) = self.finished() {
                self.shut_down();
                let replies_in_flight = Arc::clone(&self.replies_in_flight);
                // The client that asked for the shutdown still gets its reply.
                let _ = tokio::time::timeout(REPLY_TIMEOUT, replies_in_flight.write()).await;
                return match end {
                    Outcome::Stopped => Ok(()),
                    Outcome::Failed(reason) => Err(reason),
                };
            }
            let due = self.next_deadline();
            let time = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = children.recv() => self.reap(),
                Some(event) = receiver.recv() => self.handle_event(event),
                _ = interrupt.recv() => self.stop("interrupted"),
                _ = terminate.recv() => self.stop("terminated"),
                // It comes from a user, or from the kernel when the terminal closes.
                _ = hangup.recv() => match on_terminal && !std::io::stderr().is_terminal() {
                    true => self.stop("the terminal was closed"),
                    false => self.reload_fresh(),
                },
                _ = upgrade.recv() => self.upgrade(None),
                () = time => self.on_deadline(Instant::now()),
                _ = check.tick() => {
                    self.restore_files();
                    self.check_heartbeats();
                    self.guests.check(self.libraries.dir().path());
                }
            }
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Worker(worker, event) => self.handle_worker_event(worker, *event),
            Event::Unreadable(worker, error) => {
                tracing::error!("cannot parse the message of worker {worker}: {error}");
            }
            Event::Garbled(number, error) => {
                tracing::error!("worker {number} sent what is no message: {error}");
                if let Some(worker) = self.workers.get_mut(&number) {
                    worker.kill("it sent what is no message to the supervisor");
                }
            }
            Event::Disconnected(worker) => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.disconnected = true;
                }
                self.remove_exited();
            }
            Event::Guest(process, event) => self.guest_event(process, &event),
            Event::Request(request, reply) => self.handle_request(request, reply),
        }
    }

    fn handle_worker_event(&mut self, number: u32, event: ipc::Event) {
        let worker = self.workers.get_mut(&number);
        if let Some(heartbeat) = worker.and_then(|worker| worker.heartbeat.as_mut()) {
            heartbeat.answered();
        }
        match event {
            ipc::Event::Hello {
                protocol,
                version,
                heartbeat,
                handover,
                data_commands,
            } => {
                self.check_protocol(number, protocol, &version);
                if let Some(worker) = self.workers.get_mut(&number) {
                    worker.heartbeat = heartbeat.then(Heartbeat::default);
                    worker.handover = handover;
                    worker.data_commands = data_commands;
                }
            }
            ipc::Event::Pong => {}
            ipc::Event::Failed { reason } => {
                self.make_room(Some(&reason));
                self.start_refused(number, reason);
            }
            ipc::Event::Ready => self.hand_over_store(number),
            ipc::Event::StoreSaved { error } => self.store_saved(number, error),
            ipc::Event::Serving => self.worker_serving(number),
            ipc::Event::Active(snapshot) => {
                self.libraries.keep_open(&snapshot.libraries);
                self.state.serves(*snapshot, now());
                self.prune();
            }
            ipc::Event::Trying { state } => self.state.trying = state,
            ipc::Event::Proven { generation } => {
                if self.state.proven(generation) {
                    self.prune();
                    tracing::info!(
                        event = "proven",
                        generation,
                        "generation {generation} is now a rollback target"
                    );
                }
            }
            ipc::Event::Reloaded { query, record } => {
                self.notify.reloaded(&record);
                self.state.remember((*record).clone());
                self.make_room(record.error.as_deref());
                self.pending.reloaded(query, &record);
            }
            ipc::Event::Status { query, status } => self.status_received(query, number, status),
            ipc::Event::DataReply {
                query,
                ok,
                text,
                value,
            } => self.pending.data_replied(query, Reply { ok, text, value }),
            ipc::Event::Held => self.old_worker_held(),
            ipc::Event::Closed => self.pending.closed(number),
            ipc::Event::Certificates { listeners } => self.state.certificates = listeners,
            ipc::Event::Spent { reason } => self.renew(&reason, StackSource::Active, None),
            ipc::Event::Exhausted { reason } => self.renew_exhausted(&reason),
            ipc::Event::Renew { reason } => self.renew_for_reload(&reason),
            ipc::Event::Guest(event) => self.guest_claimed(number, event),
            ipc::Event::Hung(hang) => self.hung(number, &hang),
            ipc::Event::Leaving { cause } => {
                if let Some(worker) = self.workers.get_mut(&number) {
                    worker.leaving = Some(cause);
                }
            }
        }
    }

    /// The worker that accepts new connections.
    fn serving_worker(&mut self) -> Option<&mut Worker> {
        let mut workers = self.workers.values_mut();
        workers.find(|worker| worker.phase == Phase::Serving)
    }

    /// Reloads with new instances, as SIGHUP does.
    fn reload_fresh(&mut self) {
        let options = ipc::ReloadOptions {
            fresh: true,
            retry: false,
        };
        self.reload(options, None);
    }

    /// Shuts down; the second time without waiting for requests.
    fn stop(&mut self, cause: &'static str) {
        self.planned = None;
        self.replacing = None;
        if self.stopping.is_some() {
            tracing::warn!("{cause} again: quitting without waiting for requests");
            for worker in self.workers.values_mut() {
                worker.send(Command::Quit);
                worker.deadline = Some(Instant::now() + Duration::from_millis(500));
            }
            self.guests.kill_all();
            return;
        }
        self.stopping = Some(cause);
        self.notify.stopping();
        // New clients are refused at once; nothing would ever accept them.
        self.sockets.drain(..).for_each(Socket::close);
        let patience = Duration::from_millis(self.state.rules().shutdown_timeout);
        let command = Command::Stop {
            cause: cause.to_owned(),
        };
        for worker in self.workers.values_mut() {
            // A worker keeps its own deadline. This one is for a worker that is stuck.
            let deadline = Instant::now() + patience + start::GRACE;
            worker.send(command.clone());
            worker.set_phase(Phase::Ending, Some(deadline));
        }
    }

    fn finished(&mut self) -> Option<Outcome> {
        if !self.workers.is_empty() || !self.guests.is_empty() {
            return None;
        }
        if let Some(reason) = self.failed.take() {
            return Some(Outcome::Failed(reason));
        }
        self.stopping.map(|_| Outcome::Stopped)
    }

    fn shut_down(&mut self) {
        self.pending.end();
        if let Some(control_socket) = &self.control_socket {
            control_socket.close();
        }
        self.sockets.drain(..).for_each(Socket::close);
    }

    /// When the next deadline ends.
    fn next_deadline(&self) -> Option<Instant> {
        let workers = self.workers.values().filter_map(|worker| worker.deadline);
        let planned = self.planned.iter().map(|(due, _)| *due);
        let renewal = self.renewal.iter().map(|renewal| renewal.deadline);
        let handover = self.handover.iter().map(|handover| handover.deadline);
        workers
            .chain(planned)
            .chain(self.replacing)
            .chain(renewal)
            .chain(handover)
            .chain(self.guests.next_deadline())
            .chain(self.pending.next_deadline())
            .min()
    }

    fn on_deadline(&mut self, now: Instant) {
        self.pending.on_deadline(now);
        self.state.forget_old_tickets();
        self.kill_overdue(now);
        self.check_renewal_deadline(now);
        self.check_handover_deadline(now);
        self.remove_exited();
        self.guests.on_deadline(now);
        if self.replacing.take_if(|due| *due <= now).is_some() {
            match self.may_hand_over() {
                true => self.exec_successor(),
                false => self.replacing = Some(now + renewal::REPLY_TIMEOUT),
            }
        }
        if let Some((_, plan)) = self.planned.take_if(|(due, _)| *due <= now) {
            self.start(plan);
        }
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
