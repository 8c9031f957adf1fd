//! The process that does not fall: it holds the sockets and starts workers, and runs no plugin code.
//!
//! One task owns all of its state (`Supervisor`); everything that receiver reaches it as an `Event`.

mod control;
mod exits;
mod notify;
mod pending;
mod renewal;
mod sockets;
mod start;
mod state;
mod status;
mod upgrade;
mod worker;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{RwLock, mpsc};

use self::notify::Notify;
use self::pending::PendingRequests;
use self::renewal::Renewal;
pub use self::sockets::BindError;
use self::sockets::Socket;
use self::start::StartPlan;
use self::state::State;
pub use self::upgrade::{ARGUMENT as ADOPT, main as adopt};
use self::worker::{Phase, Worker};
use crate::load::library::RuntimeDir;
use crate::load::manifest::Listen;
use crate::process::control::{ControlSocket, Reply, Request};
use crate::process::ipc::{self, BuildOptions, Command};
use crate::services::LogFormat;

/// How long the last answers may take.
const REPLY_TIMEOUT: Duration = Duration::from_millis(500);

/// What is supervised, and how.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// The file of this program: what it holds at that moment is what an upgrade leads to.
    pub program: PathBuf,
    /// The manifest.
    pub manifest: PathBuf,
    /// `development`, `production`, ….
    pub environment: String,
    /// Addresses in place of the manifest's.
    pub listen: Option<Vec<Listen>>,
    /// How to build plugins; none where libraries are served as they are.
    pub build: Option<BuildOptions>,
    /// Refuse what the lock file does not name.
    pub locked: bool,
    /// Where the control socket is to be, if that was said.
    pub control: Option<PathBuf>,
    /// How the log is written.
    pub format: LogFormat,
    /// The most verbose level of the log: 1 error … 5 trace.
    pub level: u8,
    /// Colours in the log.
    pub color: bool,
}

/// Something has happened.
#[derive(Debug)]
enum Event {
    /// A worker says something.
    Worker(u32, Box<ipc::Event>),
    /// A worker says what nobody understands.
    Unreadable(u32, String),
    /// A worker has said all that it had to say.
    Disconnected(u32),
    /// Somebody asks, and waits for the reply.
    Request(Request, tokio::sync::oneshot::Sender<Reply>),
}

/// How the supervisor ended.
enum Outcome {
    Stopped,
    /// The first stack never served; the reason has been told, or is this.
    Failed(String),
}

/// All that the supervisor knows.
struct Supervisor {
    settings: Settings,
    sockets: Vec<Socket>,
    control_socket: Option<ControlSocket>,
    vault: RuntimeDir,
    workers: BTreeMap<u32, Worker>,
    state: State,
    pending: PendingRequests,
    renewal: Option<Renewal>,
    /// When this process becomes the new program: answers are on their way until then.
    replacing: Option<Instant>,
    /// A start that waits for its time.
    planned: Option<(Instant, StartPlan)>,
    /// Whether anything was ever served.
    served: bool,
    /// Why everything ends.
    stopping: Option<&'static str>,
    failed: Option<String>,
    since: Instant,
    notify: Notify,
    /// Read by whoever writes an answer.
    replies_in_flight: Arc<RwLock<()>>,
    events: mpsc::UnboundedSender<Event>,
}

/// Serves until SIGINT, SIGTERM or `stackup stop`.
///
/// # Errors
///
/// What keeps the first stack from being served, for a person. Later failures are logged.
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
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(life)
}

impl Supervisor {
    async fn run(mut self, mut receiver: mpsc::UnboundedReceiver<Event>) -> Result<(), String> {
        let no_signals = |error: std::io::Error| format!("no signals: {error}");
        let mut children = signal(SignalKind::child()).map_err(no_signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
        let mut upgrade = signal(SignalKind::user_defined2()).map_err(no_signals)?;
        let on_terminal = std::io::stderr().is_terminal();
        upgrade::unblock_signals();
        self.listen_to_control();
        // A child may have ended before its signal was listened to.
        self.reap();
        loop {
            if let Some(end) = self.finished() {
                self.shut_down();
                let replies_in_flight = Arc::clone(&self.replies_in_flight);
                // Who has asked for the end is told of it, unless he does not listen.
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
                // Sent by a person, or by the terminal that was closed: then nobody is there to develop for.
                _ = hangup.recv() => match on_terminal && !std::io::stderr().is_terminal() {
                    true => self.stop("the terminal was closed"),
                    false => self.reload_fresh(),
                },
                _ = upgrade.recv() => self.upgrade(None),
                () = time => self.on_deadline(Instant::now()),
            }
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Worker(worker, event) => self.handle_worker_event(worker, *event),
            Event::Unreadable(worker, error) => {
                tracing::error!("worker {worker} can't be understood: {error}");
            }
            Event::Disconnected(worker) => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.disconnected = true;
                }
                self.remove_exited();
            }
            Event::Request(request, reply) => self.handle_request(request, reply),
        }
    }

    fn handle_worker_event(&mut self, number: u32, event: ipc::Event) {
        match event {
            ipc::Event::Hello { protocol, version } => {
                self.check_protocol(number, protocol, &version)
            }
            ipc::Event::Failed { reason } => self.start_refused(number, reason),
            ipc::Event::Serving => self.worker_serving(number),
            ipc::Event::Active(snapshot) => {
                self.state.serves(*snapshot);
                self.prune();
            }
            ipc::Event::Trying { state } => self.state.trying = state,
            ipc::Event::Proven { generation } => {
                if self.state.proven(generation) {
                    self.prune();
                    tracing::info!(
                        event = "proven",
                        generation,
                        "generation {generation} has proved itself: what comes after it may go back to it"
                    );
                }
            }
            ipc::Event::Reloaded { query, record } => {
                self.notify.reloaded(&record);
                self.state.remember((*record).clone());
                self.pending.reloaded(query, &record);
            }
            ipc::Event::Status { query, status } => self.status_received(query, number, status),
            ipc::Event::Held => self.old_worker_held(),
            ipc::Event::Spent { reason } => self.renew(&reason, true, None),
            ipc::Event::Hung(hang) => self.hung(number, &hang),
            ipc::Event::Leaving { cause } => {
                if let Some(worker) = self.workers.get_mut(&number) {
                    worker.leaving = Some(cause);
                }
            }
        }
    }

    /// The worker that new connections go to.
    fn serving_worker(&mut self) -> Option<&mut Worker> {
        let mut workers = self.workers.values_mut();
        workers.find(|worker| worker.phase == Phase::Serving)
    }

    /// Looks again, and builds every instance anew, as a SIGHUP asks for.
    fn reload_fresh(&mut self) {
        let options = ipc::ReloadOptions {
            fresh: true,
            retry: false,
        };
        self.reload(options, None);
    }

    /// Ends everything; at the second time at once.
    fn stop(&mut self, cause: &'static str) {
        self.planned = None;
        if self.stopping.is_some() {
            tracing::warn!("{cause} again: not waiting any longer");
            for worker in self.workers.values_mut() {
                worker.send(Command::Quit);
                worker.deadline = Some(Instant::now() + Duration::from_millis(500));
            }
            return;
        }
        self.stopping = Some(cause);
        self.notify.stopping();
        // Who comes now is to be refused, not to wait for nobody.
        self.sockets.drain(..).for_each(Socket::close);
        let patience = Duration::from_millis(self.state.rules().shutdown_timeout);
        let command = Command::Stop {
            cause: cause.to_owned(),
        };
        for worker in self.workers.values_mut() {
            // It ends by its own deadline; this is for one that can't.
            let deadline = Instant::now() + patience + start::GRACE;
            worker.send(command.clone());
            worker.set_phase(Phase::Ending, Some(deadline));
        }
    }

    fn finished(&mut self) -> Option<Outcome> {
        if !self.workers.is_empty() {
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

    /// The next moment at which something is due.
    fn next_deadline(&self) -> Option<Instant> {
        let workers = self.workers.values().filter_map(|worker| worker.deadline);
        let planned = self.planned.iter().map(|(due, _)| *due);
        let renewal = self.renewal.iter().map(|renewal| renewal.deadline);
        workers
            .chain(planned)
            .chain(self.replacing)
            .chain(renewal)
            .chain(self.pending.next_deadline())
            .min()
    }

    fn on_deadline(&mut self, now: Instant) {
        self.pending.on_deadline(now);
        self.kill_overdue(now);
        self.check_renewal_deadline(now);
        self.remove_exited();
        if self.replacing.take_if(|due| *due <= now).is_some() {
            match self.renewal.is_some() || self.planned.is_some() {
                // The stdin would not know of it.
                true => self.replacing = Some(now + renewal::REPLY_TIMEOUT),
                false => self.exec_successor(),
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
