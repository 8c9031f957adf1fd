//! How long to wait before a crashed worker is started again, so that there is never a boot loop.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::distance;

/// The wait after the second crash in a row; each further crash doubles it.
const SECOND: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10);
/// After a worker has lived this long, the next one starts at once: it has served requests, and a worker that
/// starts at once serves again after some 50 ms.
const STABLE: Duration = Duration::from_secs(1);

/// The number of crashes in a row, and when the worker after the last one was due to start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    crashes: u32,
    due: u64,
}

impl Backoff {
    /// The wait before the next start, after a crash at `now`.
    pub fn next_delay(&mut self, now: u64) -> Duration {
        if distance(now, self.due) >= STABLE {
            self.crashes = 0;
        }
        let delay = match self.crashes.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => SECOND
                .saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX))
                .min(LONGEST),
        };
        self.crashes = self.crashes.saturating_add(1);
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.due = now.saturating_add(millis);
        delay
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EPOCH: u64 = 1_700_000_000_000;

    /// The waits between workers with these lifetimes.
    fn delays(lives: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let (mut backoff, mut now) = (Backoff::default(), EPOCH);
        let mut delay = |life: u64| {
            now += life;
            let delay = u64::try_from(backoff.next_delay(now).as_millis()).unwrap();
            now += delay;
            delay
        };
        lives.into_iter().map(&mut delay).collect()
    }

    #[test]
    fn delay_starts_at_zero_and_doubles_up_to_the_longest() {
        let expected = [
            0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000,
        ];
        assert_eq!(delays([5; 11]), expected);
        assert_eq!(delays([5; 200])[199], 10_000);
    }

    #[test]
    fn one_second_of_life_resets_the_delay() {
        assert_eq!(delays([5, 5, 5, 999, 5]), [0, 100, 200, 400, 800]);
        assert_eq!(delays([5, 5, 5, 1_000, 5]), [0, 100, 200, 0, 100]);
    }

    #[test]
    fn state_survives_serialization() {
        let mut backoff = Backoff::default();
        backoff.next_delay(EPOCH);
        backoff.next_delay(EPOCH);
        let kept = serde_json::to_string(&backoff).unwrap();
        let mut again: Backoff = serde_json::from_str(&kept).unwrap();
        assert_eq!(again, backoff);
        assert_eq!(again.next_delay(EPOCH + 200), Duration::from_millis(200));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn never_a_boot_loop(
            lives in prop::collection::vec(prop_oneof![Just(0), Just(1_000), 0..50_u64, 0..2_000_u64], 0..120),
        ) {
            let mut starts = vec![EPOCH];
            for (life, delay) in lives.iter().zip(delays(lives.clone())) {
                prop_assert!(delay <= 10_000);
                starts.push(starts.last().unwrap() + life + delay);
            }
            for start in &starts {
                let minute = *start..start + 60_000;
                let count = starts.iter().filter(|start| minute.contains(start)).count();
                prop_assert!(count <= 150, "{count} starts in a minute");
            }
        }

        #[test]
        fn delay_is_bounded_for_any_clock(moments in prop::collection::vec(any::<u64>(), 0..80)) {
            let mut backoff = Backoff::default();
            for now in moments {
                prop_assert!(backoff.next_delay(now) <= LONGEST);
            }
        }
    }
}
