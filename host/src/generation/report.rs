//! What a reload says of itself: how it ended, what it changed, how long each stage took.

use std::time::{Duration, Instant};

use crate::stack::Change;

/// How a reload ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new generation serves.
    Swapped,
    /// Nothing that matters has changed.
    Unchanged,
    /// The candidate was refused; the text says why.
    Refused(String),
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
    /// Stage and time, in order.
    pub timings: Vec<(String, Duration)>,
    /// What is odd about the manifest, for a person.
    pub warnings: Vec<String>,
}

/// Times the stages of a reload.
pub(super) struct Clock<'a> {
    last: Instant,
    laps: &'a mut Vec<(String, Duration)>,
}

impl<'a> Clock<'a> {
    pub(super) fn start(laps: &'a mut Vec<(String, Duration)>) -> Self {
        Self {
            last: Instant::now(),
            laps,
        }
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
