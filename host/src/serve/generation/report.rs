//! What a reload is to do, and its report.

use std::time::{Duration, Instant};

use super::instance_changes::InstanceChanges;
use super::refusal::Refusal;
use crate::serve::observe::UnreportedSwap;
use crate::serve::stack::Change;

/// What a reload is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadMode {
    /// Reload if a file has changed.
    IfChanged,
    /// Build the libraries and read every file again, even if nothing seems to have changed.
    Force,
    /// As [`Force`](Self::Force), with all instances built again: swaps even if nothing has changed.
    Fresh,
}

/// How a reload ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new generation is active.
    Swapped,
    /// Nothing that affects the stack has changed.
    Unchanged,
    /// The candidate was refused.
    Refused(Refusal),
    /// The candidate was refused, and this process has loaded others before: a fresh one may accept it.
    NeedsFreshProcess(Refusal),
    /// Something changed before the candidate was built: reload again.
    Outdated,
}

/// What a reload did.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The active generation; 0 if there is none yet.
    pub generation: u64,
    /// What the swap changed in the stack.
    pub changes: Vec<Change>,
    /// What the swap did to the instances.
    pub instances: InstanceChanges,
    /// The time of each stage, in order.
    pub timings: Vec<(String, Duration)>,
    /// Warnings about the manifest, for people.
    pub warnings: Vec<String>,
    /// Warnings of the compiler, for people.
    pub remarks: Vec<String>,
    /// Whether all changes can be ignored, such as libraries that this process has built.
    pub echo: bool,
    /// The swap, where somebody waits until it is in the log.
    pub swap: Option<UnreportedSwap>,
}

impl Report {
    /// The time from the change to the start of the reload.
    pub fn detected(&self) -> Duration {
        let mut timings = self.timings.iter();
        let detect = timings.find(|(stage, _)| stage == DETECT);
        detect.map(|(_, time)| *time).unwrap_or_default()
    }
}

/// The stage from the first event of a change to the start of the reload.
const DETECT: &str = "detect";

/// Times the stages of a reload.
pub(super) struct StageTimer<'a> {
    last: Instant,
    laps: &'a mut Vec<(String, Duration)>,
}

impl<'a> StageTimer<'a> {
    /// Starts at `first`, the first event of the change, if there is one.
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

    /// Adds stages that were timed elsewhere.
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
