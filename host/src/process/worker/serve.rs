//! A worker's life: boot, serve, follow changes and orders, end.

use std::collections::VecDeque;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::commands::Orders;
use super::monitor::Duties;
use super::reload_loop::{Follower, Wanted};
use super::tell::{announce, warn};
use crate::develop::pages::{Board, Inspector};
use crate::load::watch::{Pending, Rhythm, Watch};
use crate::process::ipc::{Assignment, Mouth, Order, Word};
use crate::serve::generation::{Active, Ask, Outcome, Reloader, Report};
use crate::serve::generation::{Record, Verdict};
use crate::serve::observe::Observer;
use crate::serve::server::{self, Deadlines, Listener, Phase, Settings};
use crate::services::hear_log;

/// How long a handler may take to let go when all requests have ended.
const LAST_DRAIN: Duration = Duration::from_secs(2);

/// Between two looks at what is due by time.
const TICK: Duration = Duration::from_millis(200);

/// Serves until it is told to end.
///
/// # Errors
///
/// What the system denies.
pub(super) async fn serve(
    assignment: Assignment,
    reloader: Reloader,
    listeners: Vec<Listener>,
    mut orders: Orders,
    mouth: Arc<Mouth>,
) -> Result<ExitCode, String> {
    let (watch, changes) = Watch::new(Rhythm::default())
        .map_err(|error| format!("files can't be watched: {error}"))?;
    let (watch, pending) = (Arc::new(watch), Pending::gather(changes));
    let mut reloader = reloader.watching(Arc::clone(&watch), Arc::clone(&pending));
    // A terminal's signals go to all processes; what they ask for comes from the supervisor.
    let no_signals = |error: io::Error| format!("no signals: {error}");
    let _interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let _hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
    let _upgrade = signal(SignalKind::user_defined2()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let board = assignment.build.map(|_| board());
    if let Some(board) = board.clone() {
        let building = move |works| board.building(works);
        reloader = reloader.telling_builds(Box::new(building));
    }
    let start = Instant::now();
    let booted = tokio::select! {
        report = boot(&mut reloader, &assignment) => report,
        () = ended(&mut orders) => return Ok(ExitCode::SUCCESS),
    };
    let mut refused = None;
    if let Outcome::Refused(refusal) = &booted.outcome {
        if !may_stand_in(&assignment) {
            warn(&booted);
            let reason = match assignment.color {
                true => refusal.reason.clone(),
                false => anstream::adapter::strip_str(&refusal.reason).to_string(),
            };
            say(&mouth, &Word::Failed { reason });
            return Ok(ExitCode::FAILURE);
        }
        reloader.stand_in(&refusal.reason);
        refused = Some((booted, start.elapsed()));
    } else {
        warn(&booted);
        announce(&reloader, booted.generation, start.elapsed());
    }
    let (Some(active), Some(manifest)) = (reloader.active(), reloader.manifest()) else {
        return Err("the first stack is missing".to_owned());
    };
    let phase = watch::Sender::new(Phase::Serving);
    if let Some(board) = &board {
        board.serves(active.load().number);
    }
    let observer = board.clone().map(|board| {
        let (active, census) = (Arc::clone(&active), reloader.census());
        let manifest = assignment.manifest.clone();
        let inspector = Inspector::new(board, active, census, manifest, phase.subscribe());
        Arc::new(inspector) as Arc<dyn Observer>
    });
    let settings = Settings {
        observer,
        connections: manifest.limits.connections,
        show_errors: assignment.show_errors,
        last: Arc::new(AtomicBool::new(false)),
    };
    let generations = Arc::clone(&active);
    let serving = tokio::spawn(server::serve(
        listeners,
        Arc::clone(&active),
        settings,
        phase.clone(),
        move || deadlines(&generations),
    ));
    let duties = Duties::new(active, reloader.census(), Arc::clone(&mouth))
        .map_err(|error| format!("no thread for the watchdog: {error}"))?;
    let mut worker = Worker {
        mouth,
        duties,
        board,
        phase,
        held: Held::No,
        pending,
        queue: VecDeque::new(),
        cause: String::new(),
    };
    tell_active(&worker.mouth, &reloader);
    say(&worker.mouth, &Word::Serving);
    let mut follower = Follower::new(reloader, watch, assignment.reloads, refused);
    if assignment.build.is_some() {
        follower = follower.telling_editors();
    }
    worker
        .live(&mut follower, &mut orders, &mut terminate)
        .await;
    worker.end(serving, follower, &mut orders).await;
    Ok(ExitCode::SUCCESS)
}

/// Where people who develop look; the log is told there, too.
fn board() -> Arc<Board> {
    let board = Arc::new(Board::default());
    let ear = Arc::clone(&board);
    hear_log(move |line| ear.logged(line));
    board
}

fn tell_active(mouth: &Mouth, reloader: &Reloader) {
    if let Some(snapshot) = reloader.snapshot() {
        say(mouth, &Word::Active(Box::new(snapshot.clone())));
    }
}

async fn boot(reloader: &mut Reloader, assignment: &Assignment) -> Report {
    loop {
        let report = match &assignment.snapshot {
            Some(snapshot) => reloader.boot(snapshot).await,
            None => reloader.reload(Ask::Forced).await,
        };
        if report.outcome != Outcome::Outdated {
            return report;
        }
    }
}

/// Where plugins are built, a first stack that can't be is no end: the next save may mend it. What served
/// before, in another worker, is better than that.
fn may_stand_in(assignment: &Assignment) -> bool {
    assignment.build.is_some() && assignment.generation == 0
}

/// Resolves when there is no use in going on to boot.
async fn ended(orders: &mut Orders) {
    loop {
        if let Order::Stop { .. } | Order::Quit | Order::Retire = orders.next().await {
            return;
        }
    }
}

fn deadlines(active: &Active) -> Deadlines {
    let limits = &active.load().limits;
    Deadlines {
        retire: limits.drain_timeout,
        stop: limits.shutdown_timeout,
    }
}

/// Says something; a supervisor that is gone is told of by the line itself.
pub(super) fn say(mouth: &Mouth, word: &Word) {
    if let Err(error) = mouth.say(word) {
        tracing::debug!("the supervisor does not listen: {error}");
    }
}

struct Worker {
    mouth: Arc<Mouth>,
    duties: Duties,
    /// What people who develop are told; none in production.
    board: Option<Arc<Board>>,
    phase: watch::Sender<Phase>,
    held: Held,
    /// What has changed and leads to a reload.
    pending: Arc<Pending>,
    /// Reloads that somebody wants besides, each with the query that it answers.
    queue: VecDeque<(Wanted, Option<u64>)>,
    /// Why it ends.
    cause: String,
}

/// Whether another worker is about to take over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    No,
    Asked,
    Told,
}

impl Worker {
    /// Follows changes and orders while it serves.
    async fn live(&mut self, follower: &mut Follower, orders: &mut Orders, terminate: &mut Signal) {
        let pending = Arc::clone(&self.pending);
        let mut tick = tokio::time::interval(TICK);
        self.queue.push_back((Wanted::CatchUp, None));
        while self.serves() {
            if let Some((wanted, query)) = self.due() {
                let (mouth, board) = (Arc::clone(&self.mouth), self.board.clone());
                let mut each = |reloader: &Reloader, record: Record| {
                    if record.outcome == Verdict::Swapped {
                        tell_active(&mouth, reloader);
                    }
                    if let Some(board) = &board {
                        board.reloaded(&record);
                    }
                    let record = Box::new(record.plain());
                    say(&mouth, &Word::Reloaded { query, record });
                };
                let mut following = std::pin::pin!(follower.follow(wanted, &mut each));
                // A build may take its time; orders do not wait for it.
                loop {
                    tokio::select! {
                        () = &mut following => break,
                        order = orders.next() => self.obey(order),
                        _ = terminate.recv() => self.leave("terminated"),
                        _ = tick.tick() => self.duties.look(),
                    }
                    if !self.serves() {
                        return;
                    }
                }
                continue;
            }
            if self.held == Held::Asked {
                self.held = Held::Told;
                say(&self.mouth, &Word::Held);
            }
            if pending.has_ended() {
                self.leave("the watch has ended");
                continue;
            }
            tokio::select! {
                order = orders.next() => self.obey(order),
                _ = terminate.recv() => self.leave("terminated"),
                () = pending.came(), if self.held == Held::No => {}
                _ = tick.tick() => self.duties.look(),
            }
        }
    }

    fn serves(&self) -> bool {
        *self.phase.borrow() == Phase::Serving
    }

    fn due(&mut self) -> Option<(Wanted, Option<u64>)> {
        match self.held {
            Held::No => {
                let changed = || self.pending.is_waiting().then_some((Wanted::Changed, None));
                self.queue.pop_front().or_else(changed)
            }
            Held::Asked | Held::Told => None,
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Reload { query, ask } => {
                self.queue.push_back((Wanted::Asked(ask), Some(query)));
            }
            Order::Status { query } => {
                let status = self.duties.status();
                say(&self.mouth, &Word::Status { query, status });
            }
            Order::Hold => self.held = Held::Asked,
            Order::Resume => self.held = Held::No,
            Order::Retire => self.end_as(Phase::Retiring, "another worker has taken over"),
            Order::Stop { cause } => self.end_as(Phase::Stopping, &cause),
            Order::Quit => std::process::exit(0),
        }
    }

    /// Somebody else than the supervisor wants this process to end.
    fn leave(&mut self, cause: &str) {
        let word = Word::Leaving {
            cause: cause.to_owned(),
        };
        say(&self.mouth, &word);
        self.end_as(Phase::Retiring, cause);
    }

    fn end_as(&mut self, phase: Phase, cause: &str) {
        cause.clone_into(&mut self.cause);
        // The server holds a receiver as long as it serves.
        let _ = self.phase.send(phase);
    }

    /// Waits for the last requests, then for the handlers.
    async fn end(self, mut serving: JoinHandle<usize>, follower: Follower, orders: &mut Orders) {
        let cause = &self.cause;
        tracing::info!(event = "stopping", "{cause}: finishing the last requests");
        let cut = loop {
            tokio::select! {
                ended = &mut serving => break ended.unwrap_or(0),
                order = orders.next() => match order {
                    Order::Status { query } => {
                        let status = self.duties.status();
                        say(&self.mouth, &Word::Status { query, status });
                    }
                    // Nobody listens only if the server has ended already.
                    Order::Stop { .. } => drop(self.phase.send(Phase::Stopping)),
                    Order::Quit => {
                        tracing::warn!("not waiting any longer");
                        break 0;
                    }
                    Order::Reload { .. } | Order::Hold | Order::Resume | Order::Retire => {}
                },
            }
        };
        if cut > 0 {
            let held_by = self.duties.held_by();
            tracing::warn!(
                event = "cut",
                cut,
                held_by,
                "{cut} connections did not end in time and were cut{held_by}"
            );
        }
        // It holds the generation that is to end.
        drop(self.duties);
        follower.reloader.retire(LAST_DRAIN).await;
        tracing::info!(event = "stopped", "stopped");
    }
}
