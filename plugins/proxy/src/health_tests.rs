use std::time::Duration;

use proptest::prelude::*;

use super::{Health, Rule};

const RULE: Rule = Rule {
    failures: 3,
    cool_down: Duration::from_millis(100),
};

#[test]
fn failures_in_a_row_take_it_out_until_the_time_has_passed() {
    let health = Health::default();
    assert!(!health.fail(&RULE, 1));
    assert!(!health.fail(&RULE, 2));
    assert!(!health.succeed(), "it was never out");
    assert!(!health.fail(&RULE, 3) && !health.fail(&RULE, 4));
    assert!(health.works(|| 4));
    assert!(health.fail(&RULE, 5), "the third in a row");
    assert!(!health.works(|| 104));
    assert!(health.works(|| 105));
    assert!(
        !health.fail(&RULE, 106),
        "it was out already: no second report"
    );
    assert!(!health.works(|| 205));
    assert!(health.succeed());
    assert!(health.works(|| 106));
}

#[test]
fn check_has_the_last_word() {
    let health = Health::default();
    assert!(health.set_down(true) && !health.set_down(true));
    health.succeed();
    assert!(!health.works(|| 1));
    assert!(health.set_down(false));
    assert!(health.works(|| 1));
}

proptest! {
    /// It never waits longer than the time after the last failure, and never works with enough failures in a row before that.
    #[test]
    fn cool_down_follows_the_last_failure(events in prop::collection::vec((any::<bool>(), 1_u64..50), 0..60)) {
        let health = Health::default();
        let (mut now, mut row, mut last) = (1, 0, 0);
        for (fails, step) in events {
            now += step;
            if fails {
                row += 1;
                last = now;
                health.fail(&RULE, now);
            } else {
                row = 0;
                health.succeed();
            }
            prop_assert_eq!(health.works(|| now), row < 3);
            prop_assert_eq!(health.works(|| last + 99), row < 3);
            prop_assert!(health.works(|| last + 100));
        }
    }
}
