//! Which responses were not stored, for `stackup cache why`.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use cache_store::{Refusal, Target};
use http_cache::{Rule, Timestamp};

use crate::Cache;

/// A slot is written at most so often, in milliseconds.
const INTERVAL: i64 = 1000;

/// When the slots were written last.
pub(crate) struct Refusals(Box<[AtomicI64]>);

impl Default for Refusals {
    fn default() -> Self {
        Self((0..Refusal::SLOTS).map(|_| AtomicI64::new(0)).collect())
    }
}

impl Refusals {
    /// Whether the slot of `target` may be written now. If so, it is not for a while.
    fn is_due(&self, target: &Target, Timestamp(now): Timestamp) -> bool {
        let last = &self.0[Refusal::slot(target)];
        let is_due = now.saturating_sub(last.load(Relaxed)) >= INTERVAL;
        if is_due {
            last.store(now, Relaxed);
        }
        is_due
    }
}

impl Cache {
    /// Has a task keep why a response was not stored: no request waits for that.
    pub(crate) fn note_refusal(&self, target: &Target, status: u16, rule: Rule, now: Timestamp) {
        if !self.refusals.is_due(target, now) {
            return;
        }
        let (entries, target) = (self.entries.clone(), target.clone());
        self.cx.spawn("note", async move {
            // It is of use to people only.
            let _ = entries.note_refusal(&target, status, rule, now).await;
        });
    }
}
