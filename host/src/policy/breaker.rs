//! When a handler that fails again and again is out of service, and when it may try again.

use std::time::Duration;

use super::apart;
use super::recent::RecentEvents;

/// What opens a breaker, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRule {
    /// So many failures …
    pub failures: u32,
    /// … within this time open it. Half open, it closes after as long a time without one.
    pub window: Duration,
    /// Nothing is let through for so long.
    pub cool_down: Duration,
}

/// Closed lets all through, open nothing, half open all until the next failure.
#[derive(Debug, Clone)]
pub struct Breaker {
    rule: BreakerRule,
    state: State,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All is let through.
    Closed,
    /// Nothing is.
    Open,
    /// All is, until the next failure.
    HalfOpen,
}

#[derive(Debug, Clone)]
enum State {
    Closed(RecentEvents),
    Open { since: u64 },
    HalfOpen { since: u64 },
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(rule: BreakerRule) -> Self {
        Self {
            rule,
            state: State::Closed(RecentEvents::default()),
        }
    }

    /// Notes a failure at `now`; whether it is this one that opens the breaker.
    pub fn record_failure(&mut self, now: u64) -> bool {
        let opens = match &mut self.state {
            // A call that began before: nothing new, and no reason to wait longer.
            State::Open { .. } => false,
            State::HalfOpen { since } if apart(now, *since) <= self.rule.window => true,
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

    /// Whether a call may go through at `now`. The first after the cool-down half opens the breaker,
    /// the first after a quiet window closes it.
    pub fn permit_call(&mut self, now: u64) -> bool {
        match self.state {
            State::Open { since } if apart(now, since) < self.rule.cool_down => return false,
            State::Open { .. } => self.state = State::HalfOpen { since: now },
            State::HalfOpen { since } if apart(now, since) > self.rule.window => {
                self.state = State::Closed(RecentEvents::default());
            }
            State::HalfOpen { .. } | State::Closed(_) => {}
        }
        true
    }

    /// Where it stands since it was last asked or told something.
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
