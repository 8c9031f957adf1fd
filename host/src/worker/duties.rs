//! What is due by time: a stack that has proved itself, a budget that is spent.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::serve::say;
use crate::generation::Active;
use crate::link::{Mouth, Word};

/// Looks after the active generation.
pub(super) struct Duties {
    active: Arc<Active>,
    mouth: Arc<Mouth>,
    /// The generation on probation, since when, and whether it has passed.
    probation: (u64, Instant, bool),
}

impl Duties {
    pub(super) fn new(active: Arc<Active>, mouth: Arc<Mouth>) -> Self {
        let number = active.load().number;
        Self {
            active,
            mouth,
            probation: (number, Instant::now(), false),
        }
    }

    /// Tells the supervisor what has come due.
    pub(super) fn look(&mut self) {
        let generation = self.active.load().number;
        if self.probation.0 != generation {
            self.probation = (generation, Instant::now(), false);
        }
        let (_, since, passed) = &mut self.probation;
        if !*passed && since.elapsed() > std::time::Duration::from_secs(30) {
            *passed = true;
            say(&self.mouth, &Word::Proven { generation });
        }
    }

    /// What there is, for `stackup status`.
    pub(super) fn status(&self) -> Value {
        json!({ "generation": self.active.load().number })
    }
}
