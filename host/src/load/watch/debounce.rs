//! When to look after the last of a burst of events. Knows no clock.

use std::time::{Duration, Instant};

/// Gathers a burst: it is over after `quiet` without an event, or `limit` after its first.
#[derive(Debug, Clone)]
pub struct Debounce {
    quiet: Duration,
    limit: Duration,
    burst: Option<Burst>,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    first: Instant,
    last: Instant,
}

impl Debounce {
    /// Sets the two times.
    #[must_use]
    pub fn new(quiet: Duration, limit: Duration) -> Self {
        Self {
            quiet,
            limit,
            burst: None,
        }
    }

    /// Notes an event.
    pub fn touch(&mut self, now: Instant) {
        match &mut self.burst {
            Some(burst) => burst.last = burst.last.max(now),
            None => {
                self.burst = Some(Burst {
                    first: now,
                    last: now,
                })
            }
        }
    }

    /// When the burst began, if there is one.
    #[must_use]
    pub fn first(&self) -> Option<Instant> {
        self.burst.map(|burst| burst.first)
    }

    /// When the burst will be over, if there is one and nothing more happens.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.burst
            .map(|burst| (burst.last + self.quiet).min(burst.first + self.limit))
    }

    /// Ends the burst if it is over, and says whether it was.
    pub fn take(&mut self, now: Instant) -> bool {
        let over = self.due().is_some_and(|due| due <= now);
        if over {
            self.burst = None;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUIET: Duration = Duration::from_millis(5);
    const LIMIT: Duration = Duration::from_millis(100);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn nothing_is_due_without_an_event() {
        let mut debounce = Debounce::new(QUIET, LIMIT);
        assert_eq!(debounce.due(), None);
        assert!(!debounce.take(Instant::now()));
    }

    #[test]
    fn a_burst_is_one() {
        let start = Instant::now();
        let mut debounce = Debounce::new(QUIET, LIMIT);
        debounce.touch(start);
        debounce.touch(start + ms(3));
        assert!(!debounce.take(start + ms(7)));
        assert!(debounce.take(start + ms(8)));
        assert!(!debounce.take(start + ms(50)), "told once");
    }

    #[test]
    fn a_burst_without_end_is_told_at_the_limit() {
        let start = Instant::now();
        let mut debounce = Debounce::new(QUIET, LIMIT);
        let told = (0..1000).map(|n| start + ms(n)).filter(|&now| {
            debounce.touch(now);
            debounce.take(now)
        });
        assert_eq!(told.count(), 9);
    }

    proptest! {
        #[test]
        fn every_event_is_told_within_the_limit_and_never_before_quiet_or_limit(
            gaps in prop::collection::vec(0_u64..40, 1..60)
        ) {
            let start = Instant::now();
            let mut debounce = Debounce::new(QUIET, LIMIT);
            let mut now = start;
            let mut untold: Option<(Instant, Instant)> = None;
            for gap in gaps {
                let next = now + ms(gap);
                if let Some(due) = debounce.due().filter(|due| *due <= next) {
                    let (first, last) = untold.take().unwrap();
                    prop_assert!(due <= first + LIMIT);
                    prop_assert!(due >= last + QUIET || due == first + LIMIT);
                    prop_assert!(debounce.take(due));
                }
                now = next;
                debounce.touch(now);
                untold = Some(untold.map_or((now, now), |(first, _)| (first, now)));
            }
            prop_assert!(debounce.due().is_some());
        }
    }
}
