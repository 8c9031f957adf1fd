use std::time::Duration;

use super::*;

/// Three panics within 100 ms; 300 ms until it is tried again.
fn policy() -> FailurePolicy {
    let failures = Failures {
        panics: Some(3),
        panic_window: Duration::from_millis(100),
        cool_down: Duration::from_millis(300),
        ..Failures::default()
    };
    FailurePolicy::new(&failures, OnFailure::FailClosed)
}

fn health_with(policy: FailurePolicy) -> (Health, BreakerFlag) {
    let health = Health::new("test".to_owned());
    health.apply_policy(policy);
    (health, BreakerFlag::default())
}

fn panic(health: &Health, guard: &BreakerFlag, times: u32, now: u64) {
    (0..times).for_each(|_| health.panicked_at("oh", "src/lib.rs:1:1", guard, now));
}

#[test]
fn panics_open_the_breaker_and_a_quiet_trial_closes_it() {
    let (health, guard) = health_with(policy());
    panic(&health, &guard, 2, 1000);
    assert!(!guard.is_set());
    panic(&health, &guard, 1, 1000);
    assert!(guard.is_set() && health.stats().out_of_service);
    assert!(!health.may_try_at(&guard, 1299));
    assert!(health.may_try_at(&guard, 1300));
    assert!(guard.is_set(), "each request asks while it is on trial");
    assert!(!health.stats().out_of_service);
    assert!(health.may_try_at(&guard, 1401));
    assert!(!guard.is_set());
    assert_eq!(health.stats().panics, 3);
}

#[test]
fn panic_on_trial_opens_the_breaker_again() {
    let (health, guard) = health_with(policy());
    panic(&health, &guard, 3, 1000);
    assert!(health.may_try_at(&guard, 1300));
    panic(&health, &guard, 1, 1350);
    assert!(guard.is_set() && !health.may_try_at(&guard, 1400));
}

#[test]
fn panics_are_counted_without_a_rule() {
    let off = Failures {
        panics: None,
        ..Failures::default()
    };
    let (health, guard) = health_with(FailurePolicy::new(&off, OnFailure::Bypass));
    panic(&health, &guard, 100, 1000);
    assert!(!guard.is_set());
    assert_eq!(health.stats().panics, 100);
    assert!(!health.stats().out_of_service);
}

#[test]
fn open_breaker_survives_a_swap_unless_the_rule_changes() {
    let (health, guard) = health_with(policy());
    panic(&health, &guard, 3, 1000);
    health.apply_policy(FailurePolicy {
        on_failure: OnFailure::Bypass,
        ..policy()
    });
    assert!(!health.may_try_at(&guard, 1001));
    health.apply_policy(FailurePolicy::default());
    assert!(health.may_try_at(&guard, 1001) && !guard.is_set());
}

#[test]
fn blocks_are_counted() {
    let (health, _) = health_with(policy());
    health.blocked();
    assert_eq!(health.stats().blocks, 1);
}
