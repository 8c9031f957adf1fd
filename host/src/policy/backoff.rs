//! How long to wait before a crashed worker is started again, so that there is never a boot loop.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The wait after the second crash in a row; each further crash doubles it.
const SECOND: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10);
/// After a worker has served this long, the next one starts at once: that serves again after some 50 ms.
const STABLE: Duration = Duration::from_secs(1);

/// The number of workers in a row that died young.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    crashes: u32,
}

impl Backoff {
    /// The wait before the next start, after the crash of a worker that had `served` for this long: not at all if it died
    /// while it started. A long start is no long life.
    pub fn next_delay(&mut self, served: Duration) -> Duration {
        if served >= STABLE {
            self.crashes = 0;
        }
        let delay = match self.crashes.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => SECOND
                .saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX))
                .min(LONGEST),
        };
        self.crashes = self.crashes.saturating_add(1);
        delay
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The waits after workers that served for these times.
    fn delays(lives: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut backoff = Backoff::default();
        let delay = |life| backoff.next_delay(Duration::from_millis(life));
        let delays = lives.into_iter().map(delay);
        delays
            .map(|delay| u64::try_from(delay.as_millis()).unwrap())
            .collect()
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
    fn one_second_of_service_resets_the_delay() {
        assert_eq!(delays([5, 5, 5, 999, 5]), [0, 100, 200, 400, 800]);
        assert_eq!(delays([5, 5, 5, 1_000, 5]), [0, 100, 200, 0, 100]);
    }

    #[test]
    fn worker_that_served_long_is_replaced_at_once() {
        assert_eq!(delays([0, 0, 0, 3_600_000, 3_600_000]), [0, 100, 200, 0, 0]);
    }

    #[test]
    fn crashes_in_slow_starts_are_delayed() {
        assert_eq!(delays([0; 4]), [0, 100, 200, 400]);
    }

    #[test]
    fn state_survives_serialization() {
        let mut backoff = Backoff::default();
        backoff.next_delay(Duration::ZERO);
        backoff.next_delay(Duration::ZERO);
        let kept = serde_json::to_string(&backoff).unwrap();
        let mut again: Backoff = serde_json::from_str(&kept).unwrap();
        assert_eq!(again, backoff);
        assert_eq!(again.next_delay(Duration::ZERO), Duration::from_millis(200));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn never_a_boot_loop(
            lives in prop::collection::vec(prop_oneof![Just(0), Just(1_000), 0..50_u64, 0..2_000_u64], 0..120),
        ) {
            let mut starts = vec![0];
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
    }
}
