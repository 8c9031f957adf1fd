//! The state that open pages follow: the active generation, the current problem, past reloads and the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::develop::lint::Finding;
use crate::develop::replay::Report;
use crate::develop::trace::Trace;
use crate::serve::generation::{ReloadOutcome, ReloadRecord};
use crate::services::LogLine;

/// How many reloads and log lines are kept.
const HISTORY: usize = 500;

/// How many events wait for a slow page; beyond that it misses the oldest.
const CAPACITY: usize = 256;

/// The state, and the pages that subscribe to its changes.
#[derive(Debug)]
pub struct DevState {
    state: Mutex<State>,
    events: broadcast::Sender<PageEvent>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    problem: Option<Problem>,
    building: bool,
    reloads: VecDeque<ReloadRecord>,
    log: VecDeque<LogLine>,
}

/// Why the newest change is not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The stage that failed, in a word or two.
    pub stage: String,
    /// The whole message, with a terminal's escape sequences for colours.
    pub text: String,
}

/// An event for the pages.
#[derive(Debug, Clone)]
pub(super) struct PageEvent {
    /// The event's type.
    pub(super) kind: &'static str,
    /// Its data, as JSON.
    pub(super) data: Arc<str>,
}

impl Default for DevState {
    fn default() -> Self {
        let (events, _) = broadcast::channel(CAPACITY);
        let state = Mutex::default();
        Self { state, events }
    }
}

impl DevState {
    /// Records a finished reload.
    pub fn reloaded(&self, record: &ReloadRecord) {
        let mut state = self.state();
        state.generation = record.generation;
        state.building = false;
        state.problem = match record.outcome {
            ReloadOutcome::Swapped | ReloadOutcome::Unchanged => None,
            ReloadOutcome::Refused => Some(Problem {
                stage: record.stage.clone().unwrap_or_default(),
                text: record.error.clone().unwrap_or_default(),
            }),
        };
        keep(&mut state.reloads, record.clone());
        self.publish_state(&state);
        self.publish("reload", || json!(record));
    }

    /// Records a generation that became active without a reload: the first.
    pub fn activated(&self, generation: u64) {
        let mut state = self.state();
        state.generation = generation;
        self.publish_state(&state);
    }

    /// Records a problem that no reload reported.
    pub fn set_problem(&self, problem: Problem) {
        let mut state = self.state();
        state.problem = Some(problem);
        self.publish_state(&state);
    }

    /// Records whether cargo is running.
    pub fn set_building(&self, building: bool) {
        let mut state = self.state();
        if std::mem::replace(&mut state.building, building) != building {
            self.publish_state(&state);
        }
    }

    /// Records a line of the log.
    pub fn logged(&self, line: LogLine) {
        self.publish("log", || json!(line));
        keep(&mut self.state().log, line);
    }

    /// Publishes a finding of Lint, new or repeated.
    pub(super) fn finding(&self, told: &Finding) {
        self.publish("offence", || json!(told));
    }

    /// Publishes what a replay has found.
    pub(super) fn replayed(&self, report: &Report) {
        self.publish("replay", || json!(report));
    }

    pub(super) fn request_started(&self, trace: &Trace) {
        self.publish("request", || json!(trace.summary()));
    }

    pub(super) fn request_ended(&self, trace: &Trace) {
        self.publish("request", || json!(trace.summary()));
    }

    pub(super) fn problem(&self) -> Option<Problem> {
        self.state().problem.clone()
    }

    /// What a page shows first.
    pub(super) fn to_json(&self) -> Value {
        self.state().to_json()
    }

    /// The last reloads, newest first.
    pub(super) fn reloads(&self) -> Vec<ReloadRecord> {
        self.state().reloads.iter().rev().cloned().collect()
    }

    /// The last lines of the log, oldest first.
    pub(super) fn log(&self) -> Vec<LogLine> {
        self.state().log.iter().cloned().collect()
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<PageEvent> {
        self.events.subscribe()
    }

    fn publish_state(&self, state: &State) {
        self.publish("state", || state.to_json());
    }

    fn publish(&self, kind: &'static str, data: impl FnOnce() -> Value) {
        if self.events.receiver_count() > 0 {
            let data = data().to_string().into();
            // Fails only if the last page has just closed.
            let _ = self.events.send(PageEvent { kind, data });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn to_json(&self) -> Value {
        json!({
            "generation": self.generation,
            "problem": self.problem,
            "building": self.building,
        })
    }
}

fn keep<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() == HISTORY {
        all.pop_front();
    }
    all.push_back(one);
}
