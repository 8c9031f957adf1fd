//! A circuit breaker: when a failing handler is out of service, and when it is tried again.

use std::time::Duration;

use super::distance;
use super::recent::RecentEvents;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRule {
    /// This many failures …
    pub failures: u32,
    /// … within this time open it. Half open, it closes after the same time without a failure.
    pub window: Duration,
    /// How long it stays open.
    pub cool_down: Duration,
}

/// Closed, it permits all calls; open, none; half open, all until the next failure.
#[derive(Debug, Clone)]
pub struct Breaker {
    rule: BreakerRule,
    state: State,
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All calls are permitted.
    Closed,
    /// No call is permitted.
    Open,
    /// All calls are permitted until the next failure.
    HalfOpen,
}

#[derive(Debug, Clone)]
enum State {
    Closed(RecentEvents),
    Open { since: u64 },
    HalfOpen { since: u64 },
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(rule: BreakerRule) -> Self {
        Self {
            rule,
            state: State::Closed(RecentEvents::default()),
        }
    }

    /// Records a failure at `now`. Returns whether it opens the breaker.
    pub fn record_failure(&mut self, now: u64) -> bool {
        let opens = match &mut self.state {
            // The call began before the breaker opened, so it is no reason to wait longer.
            State::Open { .. } => false,
            State::HalfOpen { since } if distance(now, *since) <= self.rule.window => true,
            State::HalfOpen { .. } => {
                self.state = State::Closed(RecentEvents::default());
                return self.record_failure(now);
            }
            State::Closed(recent) => {
                recent.record(now, self.rule.window) >= self.rule.failures as usize
            }
        };
        if opens {
            self.state = State::Open { since: now };
        }
        opens
    }

    /// Whether a call is permitted at `now`. The first call after the cool-down half opens the breaker; the
    /// first after a window without failures closes it.
    pub fn permit_call(&mut self, now: u64) -> bool {
        match self.state {
            State::Open { since } if distance(now, since) < self.rule.cool_down => return false,
            State::Open { .. } => self.state = State::HalfOpen { since: now },
            State::HalfOpen { since } if distance(now, since) > self.rule.window => {
                self.state = State::Closed(RecentEvents::default());
            }
            State::HalfOpen { .. } | State::Closed(_) => {}
        }
        true
    }

    /// Its state as of the last call or failure.
    pub fn state(&self) -> BreakerState {
        match self.state {
            State::Closed(_) => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
