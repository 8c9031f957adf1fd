//! When to order a certificate: with a third of its life left, later after failures, and never often.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// The most orders of one certificate in [`WINDOW`], whatever becomes of them. CAs allow few more: Let's Encrypt five failed ones.
const MOST_ORDERS: usize = 4;
/// The time in which orders are counted.
const WINDOW: Duration = Duration::from_secs(3600);

/// The wait after the first failure; each further one doubles it.
const UNREACHED: Duration = Duration::from_secs(2);
const REFUSED: Duration = Duration::from_secs(60);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// When to begin with the renewal of a certificate: with a third of its life left, as CAs ask their clients to.
pub fn renewal_time(begins: SystemTime, expires: SystemTime) -> SystemTime {
    let life = expires.duration_since(begins).unwrap_or_default();
    begins + life / 3 * 2
}

/// How an order has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderFailure {
    /// Before the CA could decide: there is no connection, or the CA has an error of its own.
    Unreached,
    /// The CA has decided against it: a limit, a name that does not lead here.
    Refused,
}

/// The orders of one certificate so far. It is kept on the disk, so that a worker that dies often does not order often. Times are milliseconds
/// since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderHistory {
    /// When each of the last orders began.
    #[serde(default)]
    orders: Vec<u64>,
    /// Failures in a row.
    #[serde(default)]
    failures: u32,
    /// When the last one failed, and how long to wait from then on.
    #[serde(default)]
    failed: Option<(u64, u64)>,
}

impl OrderHistory {
    /// For how long to wait at `now` before anything is asked of the CA, apart from an order that has begun. Zero if it may be asked.
    pub fn wait(&self, now: SystemTime, continues: bool) -> Duration {
        let now = millis(now);
        let failure = self.failed.map_or(Duration::ZERO, |(at, delay)| {
            rest(at, Duration::from_millis(delay), now)
        });
        // The oldest of those that fill the window.
        let filling = self.orders.len().checked_sub(MOST_ORDERS);
        let filling = filling.and_then(|index| self.orders.get(index));
        let full = filling.map_or(Duration::ZERO, |at| rest(*at, WINDOW, now));
        match continues {
            true => failure,
            false => failure.max(full),
        }
    }

    /// An order begins at `now`.
    pub fn begin(&mut self, now: SystemTime) {
        self.orders.push(millis(now));
        let old = self.orders.len().saturating_sub(MOST_ORDERS);
        self.orders.drain(..old);
    }

    /// It has failed at `now`. `spread` is a random number from 0 to 1, so that sites that fail together do not return together.
    pub fn fail(&mut self, failure: OrderFailure, now: SystemTime, spread: f64) {
        let first = match failure {
            OrderFailure::Unreached => UNREACHED,
            OrderFailure::Refused => REFUSED,
        };
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let delay = first.saturating_mul(factor).min(LONGEST);
        // From three quarters to five quarters of it.
        let delay = delay.mul_f64(0.75 + spread.clamp(0.0, 1.0) / 2.0);
        self.failures = self.failures.saturating_add(1);
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.failed = Some((millis(now), delay));
    }

    /// The certificate is there.
    pub fn succeed(&mut self) {
        self.failures = 0;
        self.failed = None;
    }
}

/// What is left at `now` of a time that began at `at`. The clock may be set back: it never lasts longer than from then on.
fn rest(at: u64, time: Duration, now: u64) -> Duration {
    time.saturating_sub(super::distance(at, now))
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds)
    }

    #[test]
    fn renewal_begins_with_a_third_of_the_life_left() {
        assert_eq!(renewal_time(at(0), at(0) + 90 * DAY), at(0) + 60 * DAY);
        assert_eq!(renewal_time(at(0), at(0) + 6 * DAY), at(0) + 4 * DAY);
        // One that ends before it begins is due.
        assert_eq!(renewal_time(at(9), at(0)), at(9));
    }

    #[test]
    fn wait_doubles_with_each_failure_and_ends_with_a_success() {
        for (failure, first) in [(OrderFailure::Unreached, 2), (OrderFailure::Refused, 60)] {
            let mut history = OrderHistory::default();
            assert_eq!(history.wait(at(0), false), Duration::ZERO);
            for factor in [1, 2, 4, 8] {
                history.fail(failure, at(0), 0.5);
                assert_eq!(history.wait(at(0), false), first * factor * SECOND);
                assert_eq!(history.wait(at(0), true), first * factor * SECOND);
            }
            (0..100).for_each(|_| history.fail(failure, at(0), 0.5));
            assert_eq!(history.wait(at(0), false), LONGEST);
            history.succeed();
            assert_eq!(history.wait(at(0), false), Duration::ZERO);
        }
    }

    #[test]
    fn spread_is_a_quarter_to_both_sides() {
        let wait = |spread| {
            let mut history = OrderHistory::default();
            history.fail(OrderFailure::Refused, at(0), spread);
            history.wait(at(0), false).as_secs()
        };
        assert_eq!([0.0, 0.5, 1.0, 7.0].map(wait), [45, 60, 75, 75]);
    }

    #[test]
    fn order_that_has_begun_may_continue_where_no_other_may_begin() {
        let mut history = OrderHistory::default();
        (0..4).for_each(|second| history.begin(at(second)));
        assert_eq!(history.wait(at(10), false), WINDOW - 10 * SECOND);
        assert_eq!(history.wait(at(10), true), Duration::ZERO);
        assert_eq!(history.wait(at(3600), false), Duration::ZERO);
    }

    #[test]
    fn clock_that_is_set_back_waits_no_longer_than_before() {
        let mut history = OrderHistory::default();
        history.fail(OrderFailure::Refused, at(100_000), 0.5);
        assert_eq!(history.wait(at(0), false), Duration::ZERO);
    }

    #[test]
    fn history_survives_the_disk() {
        let mut history = OrderHistory::default();
        history.begin(at(0));
        history.fail(OrderFailure::Refused, at(1), 0.1);
        let text = serde_json::to_string(&history).unwrap();
        assert_eq!(
            serde_json::from_str::<OrderHistory>(&text).unwrap(),
            history
        );
        assert_eq!(
            serde_json::from_str::<OrderHistory>("{}").unwrap(),
            OrderHistory::default()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_hour_has_more_orders_than_allowed(
            steps in prop::collection::vec((0..1_200_u64, 0..4_u8, 0.0..1.0_f64), 0..200),
        ) {
            let (mut history, mut now) = (OrderHistory::default(), at(0));
            let mut begun = Vec::new();
            for (pause, outcome, spread) in steps {
                now += Duration::from_secs(pause);
                let wait = history.wait(now, false);
                prop_assert!(wait <= LONGEST.mul_f64(1.25));
                // An eager client waits exactly as long as it must.
                if outcome > 0 {
                    now += wait;
                } else if wait > Duration::ZERO {
                    continue;
                }
                history.begin(now);
                begun.push(now);
                match outcome {
                    1 => history.succeed(),
                    2 => history.fail(OrderFailure::Refused, now, spread),
                    _ => history.fail(OrderFailure::Unreached, now, spread),
                }
            }
            for five in begun.windows(MOST_ORDERS + 1) {
                let hour = five[MOST_ORDERS].duration_since(five[0]).unwrap();
                prop_assert!(hour >= WINDOW - SECOND, "five orders in {hour:?}");
            }
        }
    }
}
