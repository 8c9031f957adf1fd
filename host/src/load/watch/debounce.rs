//! When a burst of events is over. Takes the time as an argument.

use std::time::{Duration, Instant};

/// Groups events into windows: one ends `quiet` after its last event, at the latest `limit` after its first.
#[derive(Debug, Clone)]
pub struct Debounce {
    quiet: Duration,
    limit: Duration,
    window: Option<Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    first: Instant,
    last: Instant,
}

impl Debounce {
    /// With these two times.
    #[must_use]
    pub fn new(quiet: Duration, limit: Duration) -> Self {
        Self {
            quiet,
            limit,
            window: None,
        }
    }

    /// Notes an event.
    pub fn touch(&mut self, now: Instant) {
        match &mut self.window {
            Some(window) => window.last = window.last.max(now),
            None => {
                self.window = Some(Window {
                    first: now,
                    last: now,
                })
            }
        }
    }

    /// When the open window began.
    #[must_use]
    pub fn first(&self) -> Option<Instant> {
        self.window.map(|window| window.first)
    }

    /// When the open window ends if no further event comes.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.window
            .map(|window| (window.last + self.quiet).min(window.first + self.limit))
    }

    /// Closes the window if it has ended; returns whether it had.
    pub fn take(&mut self, now: Instant) -> bool {
        let over = self.due().is_some_and(|due| due <= now);
        if over {
            self.window = None;
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
    fn burst_is_reported_once() {
        let start = Instant::now();
        let mut debounce = Debounce::new(QUIET, LIMIT);
        debounce.touch(start);
        debounce.touch(start + ms(3));
        assert!(!debounce.take(start + ms(7)));
        assert!(debounce.take(start + ms(8)));
        assert!(!debounce.take(start + ms(50)), "reported once");
    }

    #[test]
    fn endless_burst_is_reported_at_the_limit() {
        let start = Instant::now();
        let mut debounce = Debounce::new(QUIET, LIMIT);
        let reported = (0..1000).map(|n| start + ms(n)).filter(|&now| {
            debounce.touch(now);
            debounce.take(now)
        });
        assert_eq!(reported.count(), 9);
    }

    proptest! {
        #[test]
        fn every_event_is_reported_after_quiet_or_limit(
            gaps in prop::collection::vec(0_u64..40, 1..60)
        ) {
            let start = Instant::now();
            let mut debounce = Debounce::new(QUIET, LIMIT);
            let mut now = start;
            let mut unreported: Option<(Instant, Instant)> = None;
            for gap in gaps {
                let next = now + ms(gap);
                if let Some(due) = debounce.due().filter(|due| *due <= next) {
                    let (first, last) = unreported.take().unwrap();
                    prop_assert!(due <= first + LIMIT);
                    prop_assert!(due >= last + QUIET || due == first + LIMIT);
                    prop_assert!(debounce.take(due));
                }
                now = next;
                debounce.touch(now);
                unreported = Some(unreported.map_or((now, now), |(first, _)| (first, now)));
            }
            prop_assert!(debounce.due().is_some());
        }
    }
}
