//! A limit that follows the time that responses take.
//!
//! Once a minute the limit drops to its minimum for a moment, and the response time of these few requests is the base. While
//! responses take about as long, the limit grows. When they take longer, requests queue up below, and the limit shrinks by the
//! ratio. Envoy's gradient controller works the same way. A moving average in place of the base would follow an overload.
//!
//! The code is pure: all times are arguments.

use std::time::{Duration, Instant};

/// How much longer than the base a response may take before the limit shrinks.
const TOLERANCE: f64 = 1.25;

/// The limit is computed again after so long, from at least so many responses.
const WINDOW: Duration = Duration::from_millis(100);
const WINDOW_RESPONSES: usize = 10;

/// The base is measured so often, with so many responses, or with those that come within a second.
const MEASURE_EVERY: Duration = Duration::from_secs(60);
const MEASURED_RESPONSES: usize = 50;
const LONGEST_MEASUREMENT: Duration = Duration::from_secs(1);

/// After so many windows in a row with slow responses the base is measured again: perhaps all take longer now.
const SLOW_WINDOWS: u32 = 10;

/// The most responses of one window that count.
const MOST_TIMES: usize = 1_000;

/// A limit between two bounds.
#[derive(Debug, Clone)]
pub(crate) struct AdaptiveLimit {
    min: f64,
    max: f64,
    /// The limit while it is not measured.
    limit: f64,
    phase: Phase,
    /// The times of responses in this phase or window.
    times: Vec<Duration>,
}

#[derive(Debug, Clone)]
enum Phase {
    /// Few requests run. Those that began before `since` do not count.
    Measure { since: Option<Instant> },
    /// The limit follows.
    Follow {
        base: Duration,
        /// When the base was measured.
        since: Instant,
        window: Instant,
        /// Whether enough requests ran in this window to say something about the limit.
        busy: bool,
        /// For how many windows responses have been slow.
        slow: u32,
    },
}

impl AdaptiveLimit {
    /// `first` holds once the base is known.
    pub(crate) fn new(first: u32, min: u32, max: u32) -> Self {
        Self {
            min: min.into(),
            max: max.into(),
            limit: first.into(),
            phase: Phase::Measure { since: None },
            times: Vec::new(),
        }
    }

    /// How many requests may run.
    pub(crate) fn limit(&self) -> u32 {
        // The bounds are whole numbers within the range.
        match self.phase {
            Phase::Measure { .. } => self.min as u32,
            Phase::Follow { .. } => self.limit as u32,
        }
    }

    /// Notes the response to a request that `begun` at that time, while so many were `running`.
    pub(crate) fn sample(&mut self, begun: Instant, running: u32, now: Instant) {
        let enough_run = f64::from(running) >= self.limit / 2.0;
        match &mut self.phase {
            Phase::Measure { since } => {
                if begun < *since.get_or_insert(begun) {
                    return;
                }
            }
            Phase::Follow { busy, .. } => *busy |= enough_run,
        }
        if self.times.len() < MOST_TIMES {
            self.times.push(now.saturating_duration_since(begun));
        }
        self.follow(now);
    }

    fn follow(&mut self, now: Instant) {
        match self.phase {
            Phase::Measure { since } => {
                let long = since.is_some_and(|since| now - since >= LONGEST_MEASUREMENT);
                if self.times.len() >= MEASURED_RESPONSES
                    || long && self.times.len() >= WINDOW_RESPONSES
                {
                    let base = self.take_median();
                    self.phase = Phase::Follow {
                        base,
                        since: now,
                        window: now,
                        busy: false,
                        slow: 0,
                    };
                }
            }
            Phase::Follow {
                base,
                since,
                window,
                busy,
                slow,
            } if now - window >= WINDOW && self.times.len() >= WINDOW_RESPONSES => {
                let usual = self.take_median();
                let ratio = TOLERANCE * base.as_secs_f64() / usual.as_secs_f64().max(1e-9);
                if busy {
                    // Room for a short queue, so that the limit can grow.
                    let next = self.limit * ratio.clamp(0.5, 2.0) + self.limit.sqrt();
                    self.limit = next.clamp(self.min, self.max);
                }
                let slow = if ratio < 1.0 { slow + 1 } else { 0 };
                self.phase = if slow >= SLOW_WINDOWS || now - since >= MEASURE_EVERY {
                    Phase::Measure { since: Some(now) }
                } else {
                    Phase::Follow {
                        base,
                        since,
                        window: now,
                        busy: false,
                        slow,
                    }
                };
            }
            Phase::Follow { .. } => {}
        }
    }

    /// The median of the times, which begin anew.
    fn take_median(&mut self) -> Duration {
        self.times.sort_unstable();
        let median = self.times.get(self.times.len() / 2).copied();
        self.times.clear();
        median.unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "adaptive_tests.rs"]
mod tests;
