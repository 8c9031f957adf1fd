//! The replays of a worker: one at a time, and what the last ones have found.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::choose::choose;
use super::report::Report;
use super::request::ReplayRequest;
use super::session::Session;
use crate::develop::trace::RecentRequests;
use crate::serve::generation::Generation;
use crate::serve::observe::{ObserveSwap, UnreportedSwap};
use crate::serve::server::Phase;

/// How long a swap waits for a replay.
const SWAP_WAITS: Duration = Duration::from_millis(50);

/// How many reports are kept.
const KEPT: usize = 20;

/// Replays requests before each swap.
pub struct Replays {
    recent: Arc<RecentRequests>,
    reports: Arc<Reports>,
    /// The replay that runs ends when this is dropped.
    running: Mutex<Option<oneshot::Sender<()>>>,
    phase: watch::Receiver<Phase>,
}

/// What replays have found, and who wants to know.
struct Reports {
    last: Mutex<VecDeque<Arc<Report>>>,
    on_report: Box<dyn Fn(&Report) + Send + Sync>,
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").finish_non_exhaustive()
    }
}

impl Replays {
    /// Replays of `recent` requests, as long as the worker serves. `on_report` is called at the end of each.
    pub fn new(
        recent: Arc<RecentRequests>,
        phase: watch::Receiver<Phase>,
        on_report: impl Fn(&Report) + Send + Sync + 'static,
    ) -> Self {
        let reports = Reports {
            last: Mutex::default(),
            on_report: Box::new(on_report),
        };
        Self {
            recent,
            reports: Arc::new(reports),
            running: Mutex::default(),
            phase,
        }
    }

    /// What the last replays have found, the newest first.
    pub fn reports(&self) -> Vec<Arc<Report>> {
        self.reports.last().iter().rev().cloned().collect()
    }

    /// What the replay before this generation has found, if that is kept.
    pub fn report(&self, generation: u64) -> Option<Arc<Report>> {
        let last = self.reports.last();
        let found = last.iter().find(|report| report.generation == generation);
        found.cloned()
    }

    /// The requests to play now.
    fn requests(&self) -> Vec<ReplayRequest> {
        let traces = self.recent.all();
        choose(traces.iter().filter_map(|trace| {
            let answer = trace.whole_answer()?;
            Some((ReplayRequest::of(trace, &answer), answer))
        }))
    }

    /// Ends the replay that runs. The receiver resolves when the next one is to end.
    fn begin(&self) -> oneshot::Receiver<()> {
        let (running, ended) = oneshot::channel();
        let mut current = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some(running);
        ended
    }
}

impl Reports {
    fn last(&self) -> MutexGuard<'_, VecDeque<Arc<Report>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, report: Report) {
        let report = Arc::new(report);
        let mut last = self.last();
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(Arc::clone(&report));
        drop(last);
        // A reader of the log may ask for the report at once.
        report.log();
        (self.on_report)(&report);
    }
}

impl ObserveSwap for Replays {
    fn before_swap(
        &self,
        active: &Arc<Generation>,
        next: &Arc<Generation>,
    ) -> Option<Pin<Box<dyn Future<Output = UnreportedSwap> + Send>>> {
        let stopped = self.begin();
        // Generation 0 is the placeholder.
        if !(next.dev.inspector && next.dev.replay) || active.number == 0 {
            return None;
        }
        let requests = self.requests();
        if requests.is_empty() {
            return None;
        }
        let session = Session {
            active: Arc::clone(active),
            next: Arc::clone(next),
            requests: requests.into(),
        };
        let (reports, mut phase) = (Arc::clone(&self.reports), self.phase.clone());
        let over = async move {
            tokio::select! {
                _ = stopped => {}
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
            }
        };
        Some(Box::pin(async move {
            let (observer, reported) = oneshot::channel();
            let (finish, finished) = oneshot::channel::<()>();
            tokio::spawn(async move {
                let report = session.run(over).await;
                drop(finish);
                // The log says first that there is a new generation.
                let _ = reported.await;
                reports.add(report);
            });
            let _ = tokio::time::timeout(SWAP_WAITS, finished).await;
            UnreportedSwap { observer }
        }))
    }
}
