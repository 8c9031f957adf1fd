//! How long to wait before a worker that crashed is started again: never a boot loop.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::apart;

/// The wait after the second crash in a row; it doubles with each one more.
const SECOND: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10);
/// A worker that has lived for so long has earned a start at once: it has served meanwhile, and one that
/// starts at once serves again after some 50 ms.
const QUIET: Duration = Duration::from_secs(1);

/// Crashes in a row, and when the last of them was to be made good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    crashes: u32,
    due: u64,
}

impl Backoff {
    /// The wait before the start that makes good a crash at `now`.
    pub fn next_delay(&mut self, now: u64) -> Duration {
        if apart(now, self.due) >= QUIET {
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

    /// The waits of a worker that lives so long each time.
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
    fn the_first_is_none_and_each_next_doubles_up_to_the_longest() {
        let expected = [
            0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000,
        ];
        assert_eq!(delays([5; 11]), expected);
        assert_eq!(delays([5; 200])[199], 10_000);
    }

    #[test]
    fn a_quiet_second_is_a_new_beginning_and_less_is_not() {
        assert_eq!(delays([5, 5, 5, 999, 5]), [0, 100, 200, 400, 800]);
        assert_eq!(delays([5, 5, 5, 1_000, 5]), [0, 100, 200, 0, 100]);
    }

    #[test]
    fn it_is_remembered_across_a_restart_of_who_remembers() {
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
        fn whatever_the_clock_does_it_is_bounded(moments in prop::collection::vec(any::<u64>(), 0..80)) {
            let mut backoff = Backoff::default();
            for now in moments {
                prop_assert!(backoff.next_delay(now) <= LONGEST);
            }
        }
    }
}
