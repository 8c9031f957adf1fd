//! The process that does not fall: it holds the sockets and starts workers, and runs no plugin code.
//!
//! One task owns all of its state (`Supervisor`); everything that happens reaches it as an `Event`.

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
use self::pending::Answers;
use self::renewal::Renewal;
pub use self::sockets::BindError;
use self::sockets::Socket;
use self::start::Plan;
use self::state::Memory;
pub use self::upgrade::{ARGUMENT as ADOPT, main as adopt};
use self::worker::{Phase, Worker};
use crate::load::library::RuntimeDir;
use crate::load::manifest::Listen;
use crate::process::control::{Door, Reply, Request};
use crate::process::ipc::{Build, Order, Word};
use crate::services::Format;

/// How long the last answers may take.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

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
    pub build: Option<Build>,
    /// Refuse what the lock file does not name.
    pub locked: bool,
    /// Where the control socket is to be, if that was said.
    pub control: Option<PathBuf>,
    /// How the log is written.
    pub format: Format,
    /// The most verbose level of the log: 1 error … 5 trace.
    pub level: u8,
    /// Colours in the log.
    pub color: bool,
}

/// Something has happened.
#[derive(Debug)]
enum Event {
    /// A worker says something.
    Word(u32, Box<Word>),
    /// A worker says what nobody understands.
    Babble(u32, String),
    /// A worker has said all that it had to say.
    Quiet(u32),
    /// Somebody asks, and waits for the reply.
    Asked(Request, tokio::sync::oneshot::Sender<Reply>),
}

/// How the supervisor ended.
enum End {
    Stopped,
    /// The first stack never served; the reason has been told, or is this.
    Failed(String),
}

/// All that the supervisor knows.
struct Supervisor {
    settings: Settings,
    sockets: Vec<Socket>,
    door: Option<Door>,
    vault: RuntimeDir,
    workers: BTreeMap<u32, Worker>,
    memory: Memory,
    answers: Answers,
    renewal: Option<Renewal>,
    /// When this process becomes the new program: answers are on their way until then.
    replacing: Option<Instant>,
    /// A start that waits for its time.
    planned: Option<(Instant, Plan)>,
    /// Whether anything was ever served.
    served: bool,
    /// Why everything ends.
    stopping: Option<&'static str>,
    failed: Option<String>,
    since: Instant,
    notify: Notify,
    /// Read by whoever writes an answer.
    answering: Arc<RwLock<()>>,
    events: mpsc::UnboundedSender<Event>,
}

/// Serves until SIGINT, SIGTERM or `stackup stop`.
///
/// # Errors
///
/// What keeps the first stack from being served, for a person. Later failures are logged.
pub fn run(settings: Settings) -> Result<(), String> {
    in_runtime(async move {
        let (events, happens) = mpsc::unbounded_channel();
        let supervisor = Supervisor::begin(settings, events)?;
        supervisor.live(happens).await
    })
}

fn in_runtime(life: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(life)
}

impl Supervisor {
    async fn live(mut self, mut happens: mpsc::UnboundedReceiver<Event>) -> Result<(), String> {
        let no_signals = |error: std::io::Error| format!("no signals: {error}");
        let mut children = signal(SignalKind::child()).map_err(no_signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
        let mut upgrade = signal(SignalKind::user_defined2()).map_err(no_signals)?;
        let on_terminal = std::io::stderr().is_terminal();
        upgrade::hears_signals();
        self.listen_to_control();
        // A child may have ended before its signal was listened to.
        self.reap();
        loop {
            if let Some(end) = self.over() {
                self.close();
                let answering = Arc::clone(&self.answering);
                // Who has asked for the end is told of it, unless he does not listen.
                let _ = tokio::time::timeout(LAST_ANSWERS, answering.write()).await;
                return match end {
                    End::Stopped => Ok(()),
                    End::Failed(reason) => Err(reason),
                };
            }
            let due = self.due();
            let time = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = children.recv() => self.reap(),
                Some(event) = happens.recv() => self.happened(event),
                _ = interrupt.recv() => self.stop("interrupted"),
                _ = terminate.recv() => self.stop("terminated"),
                // Sent by a person, or by the terminal that was closed: then nobody is there to develop for.
                _ = hangup.recv() => match on_terminal && !std::io::stderr().is_terminal() {
                    true => self.stop("the terminal was closed"),
                    false => self.reload_all(),
                },
                _ = upgrade.recv() => self.upgrade(None),
                () = time => self.on_time(Instant::now()),
            }
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Word(worker, word) => self.heard(worker, *word),
            Event::Babble(worker, error) => {
                tracing::error!("worker {worker} can't be understood: {error}");
            }
            Event::Quiet(worker) => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.quiet = true;
                }
                self.bury();
            }
            Event::Asked(request, reply) => self.asked(request, reply),
        }
    }

    fn heard(&mut self, number: u32, word: Word) {
        match word {
            Word::Hello { protocol, version } => self.greeted(number, protocol, &version),
            Word::Failed { reason } => self.refused(number, reason),
            Word::Serving => self.serving(number),
            Word::Active(snapshot) => {
                self.memory.serves(*snapshot);
                self.prune();
            }
            Word::Trying { state } => self.memory.trying = state,
            Word::Proven { generation } => {
                if self.memory.proven(generation) {
                    self.prune();
                    tracing::info!(
                        event = "proven",
                        generation,
                        "generation {generation} has proved itself: what comes after it may go back to it"
                    );
                }
            }
            Word::Reloaded { query, record } => {
                self.notify.reloaded(&record);
                self.memory.remember((*record).clone());
                self.answers.reloaded(query, &record);
            }
            Word::Status { query, status } => self.status_came(query, number, status),
            Word::Held => self.held(),
            Word::Spent { reason } => self.renew(&reason, true, None),
            Word::Hung(hang) => self.hung(number, &hang),
            Word::Leaving { cause } => {
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
    fn reload_all(&mut self) {
        let ask = crate::process::ipc::Ask {
            fresh: true,
            retry: false,
        };
        self.reload(ask, None);
    }

    /// Ends everything; at the second time at once.
    fn stop(&mut self, cause: &'static str) {
        self.planned = None;
        if self.stopping.is_some() {
            tracing::warn!("{cause} again: not waiting any longer");
            for worker in self.workers.values_mut() {
                worker.tell(Order::Quit);
                worker.deadline = Some(Instant::now() + Duration::from_millis(500));
            }
            return;
        }
        self.stopping = Some(cause);
        self.notify.stopping();
        // Who comes now is to be refused, not to wait for nobody.
        self.sockets.drain(..).for_each(Socket::close);
        let patience = Duration::from_millis(self.memory.rules().shutdown_timeout);
        let order = Order::Stop {
            cause: cause.to_owned(),
        };
        for worker in self.workers.values_mut() {
            // It ends by its own deadline; this is for one that can't.
            let deadline = Instant::now() + patience + start::GRACE;
            worker.tell(order.clone());
            worker.enters(Phase::Ending, Some(deadline));
        }
    }

    fn over(&mut self) -> Option<End> {
        if !self.workers.is_empty() {
            return None;
        }
        if let Some(reason) = self.failed.take() {
            return Some(End::Failed(reason));
        }
        self.stopping.map(|_| End::Stopped)
    }

    fn close(&mut self) {
        self.answers.end();
        if let Some(door) = &self.door {
            door.close();
        }
        self.sockets.drain(..).for_each(Socket::close);
    }

    /// The next moment at which something is due.
    fn due(&self) -> Option<Instant> {
        let workers = self.workers.values().filter_map(|worker| worker.deadline);
        let planned = self.planned.iter().map(|(due, _)| *due);
        let renewal = self.renewal.iter().map(|renewal| renewal.deadline);
        workers
            .chain(planned)
            .chain(self.replacing)
            .chain(renewal)
            .chain(self.answers.due())
            .min()
    }

    fn on_time(&mut self, now: Instant) {
        self.answers.on_time(now);
        self.overdue(now);
        self.renewal_overdue(now);
        self.bury();
        if self.replacing.take_if(|due| *due <= now).is_some() {
            match self.renewal.is_some() || self.planned.is_some() {
                // The heir would not know of it.
                true => self.replacing = Some(now + renewal::LAST_ANSWERS),
                false => self.replace_itself(),
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
