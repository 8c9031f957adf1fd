//! The levels of a stack: which handlers a request may still enter, by where routers have sent it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The levels of a stack. 0 is its top; each map has one, and so has what no map of a level matches.
#[derive(Debug, Default)]
pub struct Levels {
    /// For each level, the positions of its handlers among the stack's directives, and of those around it.
    reach: Vec<Vec<usize>>,
    strays: Arc<AtomicBool>,
}

impl Levels {
    /// Levels that reach these positions.
    #[cfg(test)]
    pub(crate) fn of(reach: Vec<Vec<usize>>) -> Self {
        Self {
            reach,
            strays: Arc::default(),
        }
    }

    /// A new level. What it reaches is set once its directives are known.
    pub(super) fn add(&mut self) -> u32 {
        self.reach.push(Vec::new());
        u32::try_from(self.reach.len() - 1).unwrap_or(u32::MAX)
    }

    /// From `level` a request reaches these positions.
    pub(super) fn set_reach(&mut self, level: u32, reach: Vec<usize>) {
        if let Some(place) = self.reach.get_mut(level as usize) {
            *place = reach;
        }
    }

    /// Set once a handler has sent a request of its own making through a router.
    pub(super) fn strays(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.strays)
    }

    /// Whether `holds` holds for each position that a request may still enter from `level`; if that is none or unknown,
    /// for all of `count` positions.
    pub fn reaches_only(
        &self,
        level: Option<u32>,
        count: usize,
        holds: impl Fn(usize) -> bool,
    ) -> bool {
        let known = level.filter(|_| !self.strays.load(Ordering::Relaxed));
        match known.and_then(|level| self.reach.get(level as usize)) {
            Some(reach) => reach.iter().all(|position| holds(*position)),
            None => (0..count).all(holds),
        }
    }
}
