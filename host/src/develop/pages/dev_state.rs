//! What goes on: which generation serves, what is wrong, and the reloads so far.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::develop::lint::Finding;
use crate::develop::trace::Trace;
use crate::serve::generation::{ReloadOutcome, ReloadRecord};
use crate::services::LogLine;

/// As many reloads and lines of the log are remembered.
const KEPT: usize = 500;

/// As many pieces of news may wait for a page that is slow; it misses older ones.
const BEHIND: usize = 256;

/// What is known, and whom to tell.
#[derive(Debug)]
pub struct Board {
    state: Mutex<State>,
    news: broadcast::Sender<News>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    problem: Option<Problem>,
    building: bool,
    reloads: VecDeque<ReloadRecord>,
    log: VecDeque<LogLine>,
}

/// What keeps the newest change from being served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where it went wrong, in a word or two.
    pub stage: String,
    /// All there is to say, with the escapes of a terminal's colours.
    pub text: String,
}

/// Something has happened.
#[derive(Debug, Clone)]
pub(super) struct News {
    /// What kind of thing.
    pub(super) kind: &'static str,
    /// As JSON.
    pub(super) data: Arc<str>,
}

impl Default for Board {
    fn default() -> Self {
        let (news, _) = broadcast::channel(BEHIND);
        let state = Mutex::default();
        Self { state, news }
    }
}

impl Board {
    /// A reload has ended.
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
        self.tell_state(&state);
        self.tell("reload", || json!(record));
    }

    /// A generation serves without a reload: the first.
    pub fn serves(&self, generation: u64) {
        let mut state = self.state();
        state.generation = generation;
        self.tell_state(&state);
    }

    /// Something is wrong that no reload has found.
    pub fn trouble(&self, problem: Problem) {
        let mut state = self.state();
        state.problem = Some(problem);
        self.tell_state(&state);
    }

    /// Plugins are being built, or no longer.
    pub fn building(&self, building: bool) {
        let mut state = self.state();
        if std::mem::replace(&mut state.building, building) != building {
            self.tell_state(&state);
        }
    }

    /// The log has a new line.
    pub fn logged(&self, line: LogLine) {
        self.tell("log", || json!(line));
        keep(&mut self.state().log, line);
    }

    /// A layer has not kept a rule, for the first time or again.
    pub(super) fn offence(&self, told: &Finding) {
        self.tell("offence", || json!(told));
    }

    pub(super) fn began(&self, trace: &Trace) {
        self.tell("request", || json!(trace.summary()));
    }

    pub(super) fn ended(&self, trace: &Trace) {
        self.tell("request", || json!(trace.summary()));
    }

    pub(super) fn problem(&self) -> Option<Problem> {
        self.state().problem.clone()
    }

    /// What a page has to know first.
    pub(super) fn shown(&self) -> Value {
        self.state().shown()
    }

    /// The reloads, the newest first.
    pub(super) fn reloads(&self) -> Vec<ReloadRecord> {
        self.state().reloads.iter().rev().cloned().collect()
    }

    /// The last lines of the log, in order.
    pub(super) fn log(&self) -> Vec<LogLine> {
        self.state().log.iter().cloned().collect()
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    fn tell_state(&self, state: &State) {
        self.tell("state", || state.shown());
    }

    fn tell(&self, kind: &'static str, data: impl FnOnce() -> Value) {
        if self.news.receiver_count() > 0 {
            let data = data().to_string().into();
            // Fails only if the last page has just left.
            let _ = self.news.send(News { kind, data });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn shown(&self) -> Value {
        json!({
            "generation": self.generation,
            "problem": self.problem,
            "building": self.building,
        })
    }
}

fn keep<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() == KEPT {
        all.pop_front();
    }
    all.push_back(one);
}
