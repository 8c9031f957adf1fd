use proptest::prelude::*;

use super::*;

const RULE: BreakerRule = BreakerRule {
    failures: 3,
    window: Duration::from_millis(100),
    cool_down: Duration::from_millis(300),
};

/// A breaker that three failures opened at 1000.
fn open() -> Breaker {
    let mut breaker = Breaker::new(RULE);
    assert!(
        !breaker.record_failure(1000)
            && !breaker.record_failure(1000)
            && breaker.record_failure(1000)
    );
    breaker
}

#[test]
fn last_failure_of_a_window_opens() {
    let mut breaker = Breaker::new(RULE);
    assert!(!breaker.record_failure(1000));
    assert!(!breaker.record_failure(1050));
    assert!(breaker.permit_call(1099));
    assert!(breaker.record_failure(1100));
    assert!(!breaker.permit_call(1100));
}

#[test]
fn failures_further_apart_do_not_open() {
    let mut breaker = Breaker::new(RULE);
    for now in [1000, 1051, 1102, 1153, 1204] {
        assert!(!breaker.record_failure(now), "at {now}");
    }
}

#[test]
fn opening_is_reported_once_and_late_failures_do_not_prolong_it() {
    let mut breaker = open();
    assert!(!breaker.record_failure(1001) && !breaker.record_failure(1299));
    assert!(!breaker.permit_call(1299));
    assert!(breaker.permit_call(1300));
}

#[test]
fn one_failure_reopens_a_half_open_breaker() {
    let mut breaker = open();
    assert!(breaker.permit_call(1300));
    assert!(breaker.record_failure(1400));
    assert!(!breaker.permit_call(1699));
    assert!(breaker.permit_call(1700));
}

#[test]
fn window_without_failures_closes() {
    let mut breaker = open();
    assert!(breaker.permit_call(1300));
    assert!(!breaker.record_failure(1401) && !breaker.record_failure(1401));
    assert!(breaker.record_failure(1401));
}

#[test]
fn state_is_closed_after_a_call_past_the_window() {
    let mut breaker = open();
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.permit_call(1300));
    assert!(breaker.permit_call(1400));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(breaker.permit_call(1401));
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(
        !breaker.record_failure(1402)
            && !breaker.record_failure(1402)
            && breaker.record_failure(1402)
    );
}

#[test]
fn clock_set_back_does_not_keep_it_open_for_good() {
    let mut breaker = open();
    assert!(!breaker.permit_call(900));
    assert!(breaker.permit_call(10));
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Fails,
    Asks,
}

fn schedule() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![Just(Event::Fails), Just(Event::Asks)];
    let pause = prop_oneof![0..40_u64, 0..400_u64];
    prop::collection::vec((pause, event), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn opens_only_for_enough_failures_and_only_for_the_cool_down(
        failures in 1..5_u32,
        schedule in schedule(),
    ) {
        let mut breaker = Breaker::new(BreakerRule { failures, ..RULE });
        let (mut now, mut failed) = (0, Vec::new());
        let (mut opened, mut tried): (Option<u64>, Option<u64>) = (None, None);
        for (pause, event) in schedule {
            now += pause;
            match event {
                Event::Fails => {
                    failed.push(now);
                    if breaker.record_failure(now) {
                        let near = failed.iter().filter(|moment| now - **moment <= 100).count();
                        let half_open = tried.is_some_and(|tried| now - tried <= 100);
                        prop_assert!(near >= failures as usize || half_open, "{near} at {now}");
                        prop_assert!(opened.is_none(), "reported twice, at {now}");
                        (opened, tried) = (Some(now), None);
                    }
                }
                Event::Asks => {
                    let cooling = opened.is_some_and(|opened| now - opened < 300);
                    prop_assert_eq!(breaker.permit_call(now), !cooling, "at {}", now);
                    if opened.is_some() && !cooling {
                        (opened, tried) = (None, Some(now));
                    }
                }
            }
        }
    }

    #[test]
    fn enough_failures_within_one_window_always_open(
        failures in 1..20_u32,
        pauses in prop::collection::vec(0..=5_u64, 20),
    ) {
        let mut breaker = Breaker::new(BreakerRule { failures, ..RULE });
        let mut now = 7;
        let opened = pauses.iter().position(|pause| {
            now += pause;
            breaker.record_failure(now)
        });
        prop_assert_eq!(opened, Some(failures as usize - 1));
    }
}
