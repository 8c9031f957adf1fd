//! `date` after the clock was set back.
//!
//! hyper keeps the date that it has written last, for each thread, until the clock is past that second. If the clock is set
//! back, it would send the wrong date until the clock has caught up. So the host notices that, and sets the header itself for
//! as long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// How far ahead of the last check hyper's date may be: it is kept to the end of its second, and a check may be late.
const MARGIN: Duration = Duration::from_secs(3);

/// The clock of this process, as hyper's date is.
static CLOCK: WallClock = WallClock::new();

/// Notices whether the clock was set back. Call it several times a second.
pub fn check_clock() {
    CLOCK.check(SystemTime::now());
}

/// The value of `date`, while hyper's is wrong.
pub(super) fn own_date() -> Option<HeaderValue> {
    CLOCK
        .is_behind()
        .then(|| value(SystemTime::now()))
        .flatten()
}

fn value(now: SystemTime) -> Option<HeaderValue> {
    HeaderValue::try_from(httpdate::fmt_http_date(now)).ok()
}

/// A clock that people set. Times are in milliseconds since the Unix epoch.
struct WallClock {
    /// The latest time that was seen.
    latest: AtomicU64,
    /// When the clock has caught up, after it was set back; otherwise 0.
    caught_up: AtomicU64,
}

impl WallClock {
    const fn new() -> Self {
        Self {
            latest: AtomicU64::new(0),
            caught_up: AtomicU64::new(0),
        }
    }

    fn check(&self, now: SystemTime) {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = milliseconds(now.duration_since(UNIX_EPOCH).unwrap_or_default());
        let (latest, margin) = (self.latest.load(Ordering::Relaxed), milliseconds(MARGIN));
        // A step of less than a second changes no date by more than that.
        if now.saturating_add(1000) <= latest {
            let caught_up = latest.saturating_add(margin);
            if self.caught_up.swap(caught_up, Ordering::Relaxed) != caught_up {
                let seconds = (latest - now) / 1000;
                tracing::warn!(
                    event = "clock",
                    seconds,
                    "the clock was set back by {seconds} s"
                );
            }
        } else if now >= self.caught_up.load(Ordering::Relaxed) {
            self.caught_up.store(0, Ordering::Relaxed);
            self.latest.store(now, Ordering::Relaxed);
        }
    }

    fn is_behind(&self) -> bool {
        self.caught_up.load(Ordering::Relaxed) != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: u64 = 1_700_000_000;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn own_date_is_sent_until_the_clock_has_caught_up() {
        let clock = WallClock::new();
        clock.check(at(NOON));
        assert!(!clock.is_behind());
        // An hour back, as after a wrong time server.
        for seconds in [0, 1, 3_599, 3_601] {
            clock.check(at(NOON - 3_600 + seconds));
            assert!(clock.is_behind(), "{seconds}");
        }
        clock.check(at(NOON + 3));
        assert!(!clock.is_behind());
        // And again.
        clock.check(at(NOON - 10));
        assert!(clock.is_behind());
    }

    #[test]
    fn a_jump_ahead_or_a_small_step_is_left_to_hyper() {
        let clock = WallClock::new();
        clock.check(at(NOON));
        clock.check(at(NOON + 86_400));
        assert!(!clock.is_behind());
        clock.check(at(NOON + 86_400) - Duration::from_millis(900));
        assert!(!clock.is_behind());
    }

    #[test]
    fn value_is_an_http_date() {
        let value = value(at(NOON)).unwrap();
        assert_eq!(value.to_str().unwrap(), "Tue, 14 Nov 2023 22:13:20 GMT");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// hyper's date is ahead exactly while the clock is before a time that was seen.
        #[test]
        fn behind_whenever_a_later_time_was_seen(times in prop::collection::vec(0..100_000_u64, 1..60)) {
            let (clock, mut latest) = (WallClock::new(), 0);
            for time in times {
                clock.check(at(NOON + time));
                prop_assert!(clock.is_behind() || time >= latest, "{time} after {latest}");
                prop_assert!(!clock.is_behind() || time < latest + MARGIN.as_secs());
                latest = latest.max(time);
            }
        }
    }
}
