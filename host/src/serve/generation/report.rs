//! What a reload is asked for, and what it says of itself.

use std::time::{Duration, Instant};

use super::instance_changes::InstanceChanges;
use super::refusal::Refusal;
use crate::serve::stack::Change;

/// What a reload is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadMode {
    /// Look again: a file may have changed.
    IfChanged,
    /// Trust nothing of what was seen before: build the libraries and read every file again.
    Force,
    /// Forced, and every instance anew: it swaps even if nothing has changed.
    Fresh,
}

/// How a reload ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new generation serves.
    Swapped,
    /// Nothing that matters has changed.
    Unchanged,
    /// The candidate was refused.
    Refused(Refusal),
    /// Something has changed before the candidate was built: look again. Nothing came of it.
    Outdated,
}

/// What a reload did.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The generation that serves now; 0 if there is none yet.
    pub generation: u64,
    /// What the swap changed.
    pub changes: Vec<Change>,
    /// What the swap meant for each handler.
    pub instances: InstanceChanges,
    /// Stage and time, in order.
    pub timings: Vec<(String, Duration)>,
    /// What is odd about the manifest, for a person.
    pub warnings: Vec<String>,
    /// What the compiler warns of, for a person.
    pub remarks: Vec<String>,
    /// Whether all that had changed was of no news, as libraries are that were built here.
    pub echo: bool,
}

impl Report {
    /// How long it took from the change to the look at it.
    pub fn detected(&self) -> Duration {
        let mut timings = self.timings.iter();
        let detect = timings.find(|(stage, _)| stage == DETECT);
        detect.map(|(_, time)| *time).unwrap_or_default()
    }
}

/// The stage from the first event of a change to the look at it.
const DETECT: &str = "detect";

/// Times the stages of a reload.
pub(super) struct StageTimer<'a> {
    last: Instant,
    laps: &'a mut Vec<(String, Duration)>,
}

impl<'a> StageTimer<'a> {
    /// Begins with what was noticed at `first`, if that is why.
    pub(super) fn start(first: Option<Instant>, laps: &'a mut Vec<(String, Duration)>) -> Self {
        let mut timer = Self {
            last: first.unwrap_or_else(Instant::now),
            laps,
        };
        if first.is_some() {
            timer.lap(DETECT);
        }
        timer
    }

    pub(super) fn lap(&mut self, stage: &str) {
        let took = self.last.elapsed();
        self.last += took;
        self.laps.push((stage.to_owned(), took));
    }

    /// Takes over stages that were timed elsewhere.
    pub(super) fn stages(&mut self, stages: impl IntoIterator<Item = (String, Duration)>) {
        self.laps.extend(stages);
        self.last = Instant::now();
    }
}

/// The time of each stage, in the order in which the stages first ran.
#[derive(Debug, Default)]
pub struct Timings(pub Vec<(String, Duration)>);

impl Timings {
    pub(super) fn add(&mut self, stage: &str, time: Duration) {
        match self.0.iter_mut().find(|(name, _)| name == stage) {
            Some((_, sum)) => *sum += time,
            None => self.0.push((stage.to_owned(), time)),
        }
    }
}
