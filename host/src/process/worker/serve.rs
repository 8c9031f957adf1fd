//! A worker's life: boot, serve, react to changes and commands, shut down.

mod shutdown;

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::Interval;

use super::certificates::{Certificates, open_certificates};
use super::commands::Commands;
use super::file_limit;
use super::handover::Inheritance;
use super::monitor::Monitor;
use super::overdue::log_cut;
use crate::develop::pages::{DevState, Inspector};
use crate::load::library;
use crate::load::snapshot::Snapshot;
use crate::load::watch::{PendingChanges, Timing, Watcher};
use crate::process::ipc::{Command, Event, Sender, WorkerConfig};
use crate::serve::generation::{Active, Outcome, ReloadMode, Reloader, Report};
use crate::serve::generation::{ReloadOutcome, ReloadRecord, Stage};
use crate::serve::observe::Observer;
use crate::serve::reload_loop::{ReloadLoop, Trigger, announce, warn};
use crate::serve::server::{self, Connections, Deadlines, Listener, Phase, PhaseSender, Settings};
use crate::services::{DataCommand, Lent, flush_log, subscribe_log};

/// The interval of the monitor's checks.
const TICK: Duration = Duration::from_millis(200);

/// Serves until a command or SIGTERM ends it.
///
/// # Errors
///
/// The system refuses the file watch, a signal handler or a thread.
pub(super) async fn serve(
    config: WorkerConfig,
    reloader: Reloader,
    lent: Lent,
    sockets: Vec<OwnedFd>,
    mut commands: Commands,
    inheritance: Inheritance,
    events: Arc<Sender>,
) -> Result<ExitCode, String> {
    let (watch, changes) =
        Watcher::new(Timing::default()).map_err(|error| format!("cannot watch files: {error}"))?;
    let (watch, pending) = (Arc::new(watch), PendingChanges::collect(changes));
    let mut reloader = reloader.watching(Arc::clone(&watch), Arc::clone(&pending));
    // A terminal sends its signals to all processes. Those are the supervisor's: it sends a command.
    let no_signals = |error: io::Error| format!("cannot handle signals: {error}");
    let _interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let _hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
    let _upgrade = signal(SignalKind::user_defined2()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    library::keep_signals();
    let dev_state = config.build.as_ref().map(|_| dev_state());
    if let Some(dev_state) = dev_state.clone() {
        let building = move |works| dev_state.set_building(works);
        reloader = reloader.on_build(Box::new(building));
    }
    let start = Instant::now();
    let booted = tokio::select! {
        report = boot(&mut reloader, &config) => report,
        () = stop_command(&mut commands) => return Ok(ExitCode::SUCCESS),
    };
    let mut refused = None;
    if let Outcome::Refused(refusal) = &booted.outcome {
        if !may_serve_stand_in(&config) {
            warn(&booted);
            let reason = match config.color {
                true => refusal.reason.clone(),
                false => plain(&refusal.reason),
            };
            send(&events, &Event::Failed { reason });
            return Ok(ExitCode::FAILURE);
        }
        reloader.serve_placeholder(&refusal.reason);
        refused = Some((booted, start.elapsed()));
    } else {
        warn(&booted);
        announce(&reloader, booted.generation, start.elapsed());
    }
    let opened = open_certificates(&config, &reloader, sockets.len());
    let (protocols, certificates) = match opened {
        Ok(opened) => opened,
        Err(reason) => {
            send(&events, &Event::Failed { reason });
            return Ok(ExitCode::FAILURE);
        }
    };
    let listeners = sockets.into_iter().zip(protocols);
    let listeners = listeners.map(|(socket, protocols)| Listener::adopt(socket, protocols));
    let listeners: Vec<_> = listeners
        .collect::<io::Result<_>>()
        .map_err(|error| format!("cannot use an inherited socket: {error}"))?;
    let certificates_status = certificates.status();
    let phase = PhaseSender::default();
    order(&certificates, &config, &phase);
    let events_of_certificates = Arc::clone(&events);
    certificates.follow(move |listeners| {
        send(&events_of_certificates, &Event::Certificates { listeners });
    })?;
    let (Some(active), Some(manifest)) = (reloader.active(), reloader.manifest()) else {
        return Err("the first stack is missing".to_owned());
    };
    // Another engine has the entries already, for both workers.
    if config.handover && inheritance.is_needed() {
        tokio::select! {
            () = inheritance.load(&events) => {}
            () = stop_command(&mut commands) => return Ok(ExitCode::SUCCESS),
        }
    }
    library::restore_signals(None);
    if let Some(dev_state) = &dev_state {
        dev_state.activated(active.load().number);
    }
    let inspector = dev_state.clone().map(|dev_state| {
        let (active, registry) = (Arc::clone(&active), reloader.registry());
        let manifest = config.manifest.clone();
        Inspector::new(dev_state, active, registry, manifest, phase.subscribe())
    });
    let replays = inspector.as_ref().map(Inspector::replays);
    let observer = inspector.map(|inspector| Arc::new(inspector) as Arc<dyn Observer>);
    let limit = file_limit::connections(manifest.limits.connections);
    let connections = Connections::new(limit);
    let settings = Settings {
        observer,
        connections: Arc::clone(&connections),
        show_errors: config.show_errors,
        last: Arc::new(AtomicBool::new(false)),
    };
    let (generations, events_of_closing) = (Arc::clone(&active), Arc::clone(&events));
    let registry = reloader.registry();
    let (closing, closed) = oneshot::channel();
    let serving = tokio::spawn(server::serve(
        listeners,
        Arc::clone(&active),
        settings,
        phase.clone(),
        move || {
            send(&events_of_closing, &Event::Closed);
            let _ = closing.send(());
            deadlines(&generations)
        },
        move |overdue, connections| log_cut(&registry, overdue, connections),
    ));
    let monitor = Monitor::new(
        active,
        reloader.registry(),
        connections,
        reloader.libraries(),
        lent.clone(),
        reloader.counters(),
        Arc::clone(&events),
    )
    .map_err(|error| format!("cannot start the watchdog's thread: {error}"))?
    .showing(certificates_status);
    monitor.state().add_to_figures();
    let mut worker = Worker {
        events,
        monitor,
        lent,
        dev_state,
        phase,
        hold: Hold::No,
        pending,
        queue: VecDeque::new(),
        cause: String::new(),
    };
    send_active(&worker.events, &reloader);
    send(&worker.events, &Event::Serving);
    if let Some(replays) = replays {
        reloader = reloader.swaps_observed_by(replays);
    }
    let mut reloads = ReloadLoop::new(reloader, watch, config.reloads, refused);
    if config.build.is_some() {
        reloads = reloads.with_editor_schema();
    }
    worker
        .run(&mut reloads, &mut commands, &mut terminate)
        .await;
    worker
        .shut_down(serving, closed, reloads, &mut commands)
        .await;
    Ok(ExitCode::SUCCESS)
}

/// Orders the certificates that stackup gets itself. The names of a site in development lead elsewhere.
fn order(certificates: &Certificates, config: &WorkerConfig, phase: &PhaseSender) {
    let ordered = certificates.ordered();
    if ordered.is_empty() {
        return;
    }
    if config.build.is_some() {
        tracing::info!(
            event = "acme",
            "stackup orders no certificates in development: `stackup serve` does"
        );
        return;
    }
    #[cfg(feature = "acme")]
    super::acme::order_certificates(
        ordered,
        certificates.place(),
        certificates.reports(),
        phase.subscribe(),
    );
    #[cfg(not(feature = "acme"))]
    let _ = phase;
}

/// The same text without colours.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// What the inspector and the error page show, the log among it.
fn dev_state() -> Arc<DevState> {
    let dev_state = Arc::new(DevState::default());
    let subscriber = Arc::clone(&dev_state);
    subscribe_log(move |line| subscriber.logged(line));
    dev_state
}

fn send_active(events: &Sender, reloader: &Reloader) {
    if let Some(snapshot) = reloader.snapshot() {
        send(events, &Event::Active(Box::new(snapshot.clone())));
    }
}

async fn boot(reloader: &mut Reloader, config: &WorkerConfig) -> Report {
    loop {
        let mut report = match &config.snapshot {
            Some(snapshot) => boot_snapshot(reloader, snapshot).await,
            None => reloader.reload(ReloadMode::Force).await,
        };
        match report.outcome {
            Outcome::Outdated => {}
            // Nothing serves yet, so there is nothing to take over from.
            Outcome::NeedsFreshProcess(refusal) => {
                report.outcome = Outcome::Refused(refusal);
                return report;
            }
            _ => return report,
        }
    }
}

/// Restores the snapshot. If the content of one of its libraries is lost, the stack on disk is loaded instead: the
/// content would be missing at the next start as well.
async fn boot_snapshot(reloader: &mut Reloader, snapshot: &Snapshot) -> Report {
    let report = reloader.boot(snapshot).await;
    let lost = Stage::Library(library::Stage::Restore);
    match &report.outcome {
        Outcome::Refused(refusal) if refusal.stage == lost => {
            tracing::error!(
                event = "snapshot-lost",
                generation = snapshot.generation,
                "the stack of generation {} can't be restored, loading the one on disk: {}",
                snapshot.generation,
                refusal.reason.trim_end()
            );
            reloader.reload(ReloadMode::Force).await
        }
        _ => report,
    }
}

/// In development a first stack that is refused does not end the worker: the next save may fix it. A worker
/// that replaces another one fails instead, so that the other one keeps serving.
fn may_serve_stand_in(config: &WorkerConfig) -> bool {
    config.build.is_some() && config.generation == 0
}

/// Resolves when a command makes booting pointless.
async fn stop_command(commands: &mut Commands) {
    loop {
        if let Command::Stop { .. } | Command::Quit | Command::Retire = commands.next().await {
            return;
        }
    }
}

fn deadlines(active: &Active) -> Deadlines {
    let limits = &active.load().limits;
    Deadlines {
        retire: limits.drain_timeout,
        stop: limits.shutdown_timeout,
        upgrades: limits.upgrade_drain,
    }
}

/// Sends an event. That the supervisor has exited shows on the other half of the socket.
pub(super) fn send(events: &Sender, event: &Event) {
    if let Err(error) = events.send(event) {
        tracing::debug!("cannot send to the supervisor: {error}");
    }
}

/// Waits until `due`; for ever if there is no such time.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

struct Worker {
    events: Arc<Sender>,
    monitor: Monitor,
    lent: Lent,
    /// The state that the inspector shows; none in production.
    dev_state: Option<Arc<DevState>>,
    phase: PhaseSender,
    hold: Hold,
    /// Changes that lead to a reload.
    pending: Arc<PendingChanges>,
    /// Other reloads that are due, each with the query that it answers.
    queue: VecDeque<(Trigger, Option<u64>)>,
    /// Why it shuts down.
    cause: String,
}

/// Whether reloads wait because another worker is about to take over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    No,
    Requested,
    Confirmed,
}

impl Worker {
    /// Reacts to changes and commands while it serves.
    async fn run(
        &mut self,
        reloads: &mut ReloadLoop,
        commands: &mut Commands,
        terminate: &mut Signal,
    ) {
        let pending = Arc::clone(&self.pending);
        let mut retry_at = None;
        let mut tick = tokio::time::interval(TICK);
        self.queue.push_back((Trigger::CatchUp, None));
        while self.is_serving() {
            if let Some(due) = self.next_reload() {
                self.reload(reloads, due, commands, terminate, &mut tick)
                    .await;
                retry_at = reloads.retry_at();
                continue;
            }
            if self.hold == Hold::Requested {
                self.hold = Hold::Confirmed;
                send(&self.events, &Event::Held);
            }
            if pending.is_closed() {
                self.exit_by_itself("the file watch has failed");
                continue;
            }
            tokio::select! {
                command = commands.next() => self.handle(command),
                _ = terminate.recv() => self.exit_by_itself("terminated"),
                () = pending.changed(), if self.hold == Hold::No => {}
                () = until(retry_at), if self.hold == Hold::No => {
                    retry_at = None;
                    self.queue.push_back((Trigger::Retry, None));
                }
                _ = tick.tick() => self.monitor.check(),
            }
        }
    }

    /// Runs one reload, and handles the commands that come during it; unfinished if they end the service.
    async fn reload(
        &mut self,
        reloads: &mut ReloadLoop,
        (trigger, query): (Trigger, Option<u64>),
        commands: &mut Commands,
        terminate: &mut Signal,
        tick: &mut Interval,
    ) {
        let (events, dev_state) = (Arc::clone(&self.events), self.dev_state.clone());
        let mut each = |reloader: &Reloader, record: ReloadRecord| {
            if record.outcome == ReloadOutcome::Swapped {
                send_active(&events, reloader);
            }
            if let Some(dev_state) = &dev_state {
                dev_state.reloaded(&record);
            }
            let record = Box::new(record.plain());
            send(&events, &Event::Reloaded { query, record });
        };
        let mut reloading = std::pin::pin!(reloads.run(trigger, &mut each));
        // Commands do not wait for a build.
        loop {
            tokio::select! {
                ended = &mut reloading => {
                    if let Err(refusal) = ended {
                        // A reload that somebody waits for is answered by the worker that takes over.
                        let reason = plain(&refusal.reason);
                        let event = match refusal.stage {
                            Stage::Renew => Event::Renew { reason },
                            _ => Event::Exhausted { reason },
                        };
                        send(&events, &event);
                    }
                    return;
                }
                command = commands.next() => self.handle(command),
                _ = terminate.recv() => self.exit_by_itself("terminated"),
                _ = tick.tick() => self.monitor.check(),
            }
            if !self.is_serving() {
                return;
            }
        }
    }

    fn is_serving(&self) -> bool {
        self.phase.current() == Phase::Serving
    }

    fn next_reload(&mut self) -> Option<(Trigger, Option<u64>)> {
        match self.hold {
            Hold::No => {
                let changed = || {
                    self.pending
                        .has_changes()
                        .then_some((Trigger::Changed, None))
                };
                self.queue.pop_front().or_else(changed)
            }
            Hold::Requested | Hold::Confirmed => None,
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Reload { query, options } => {
                self.queue
                    .push_back((Trigger::Requested(options), Some(query)));
            }
            Command::Status { query } => {
                let status = self.monitor.status();
                send(&self.events, &Event::Status { query, status });
            }
            Command::Data { query, command } => self.run_data_command(query, command),
            Command::Hold => self.hold = Hold::Requested,
            Command::Resume => self.hold = Hold::No,
            Command::Retire => {
                self.begin_shutdown(Phase::Retiring, "another worker has taken over")
            }
            Command::Stop { cause } => self.begin_shutdown(Phase::Stopping, &cause),
            // Answered by the thread that reads commands.
            Command::Ping
            | Command::SaveStore
            | Command::LoadStore
            | Command::BeginEmpty
            | Command::Guest { .. } => {}
            Command::Quit => {
                flush_log();
                std::process::exit(0)
            }
        }
    }

    /// Runs it beside everything else.
    fn run_data_command(&self, query: u64, command: DataCommand) {
        let (lent, events) = (self.lent.clone(), Arc::clone(&self.events));
        tokio::spawn(async move {
            let (ok, text, value) = match command.run(&lent).await {
                Ok(report) => (true, report.text, report.value),
                Err(why) => (false, why, Value::Null),
            };
            let event = Event::DataReply {
                query,
                ok,
                text,
                value,
            };
            send(&events, &event);
        });
    }
}
