use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn quota(rate: &str, burst: Option<u32>) -> Quota {
    Quota::parse(rate, burst).unwrap()
}

#[test]
fn rate_is_parsed() {
    for (text, interval, burst) in [
        ("5/20s", 4 * SECOND, 5),
        ("100/m", SECOND * 6 / 10, 100),
        ("10/500ms", SECOND / 20, 10),
        (" 1 / 1d ", 86_400 * SECOND, 1),
    ] {
        let quota = quota(text, None);
        assert_eq!((quota.interval, quota.burst), (interval, burst), "{text}");
    }
    assert_eq!(quota("5/20s", Some(50)).burst, 50);
    for text in [
        "",
        "5",
        "5/",
        "/s",
        "0/s",
        "5/0s",
        "5/20",
        "5/s20",
        "-1/s",
        "5/20y",
        "5.5/s",
        "5/99999999999999d",
        "4294967295/1ms",
    ] {
        assert!(Quota::parse(text, None).is_err(), "{text}");
    }
}

#[test]
fn bucket_empties_and_refills_evenly() {
    let quota = quota("5/20s", Some(2));
    let admitted = |full_at, remaining| Decision::Admitted { full_at, remaining };
    let refused = |seconds| Decision::Refused {
        retry_after: Duration::from_secs(seconds),
    };
    let now = 1_000 * SECOND;
    assert_eq!(quota.admit(None, 1, now), admitted(now + 4 * SECOND, 1));
    let full_at = Some(now + 4 * SECOND);
    assert_eq!(quota.admit(full_at, 1, now), admitted(now + 8 * SECOND, 0));
    let full_at = Some(now + 8 * SECOND);
    assert_eq!(quota.admit(full_at, 1, now), refused(4));
    assert_eq!(quota.admit(full_at, 2, now), refused(8));
    assert_eq!(quota.admit(full_at, 1, now + 3 * SECOND), refused(1));
    let later = now + 4 * SECOND;
    assert_eq!(
        quota.admit(full_at, 1, later),
        admitted(later + 8 * SECOND, 0)
    );
    let long_after = now + 100 * SECOND;
    assert_eq!(
        quota.admit(full_at, 1, long_after),
        admitted(long_after + 4 * SECOND, 1)
    );
}

#[test]
fn clock_that_is_set_back_keeps_nobody_out_for_longer() {
    let quota = quota("1/s", None);
    let before = 1_000 * SECOND;
    let Decision::Admitted { full_at, .. } = quota.admit(None, 1, before) else {
        panic!("the bucket is full");
    };
    let decision = quota.admit(Some(full_at), 1, before - 500 * SECOND);
    let retry_after = Duration::from_secs(1);
    assert_eq!(decision, Decision::Refused { retry_after });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Between any two points in time a rule admits at most its burst and what has refilled.
    #[test]
    fn no_window_admits_more_than_burst_and_refill(
        requests in 1_u32..50,
        window in 1_u64..100,
        burst in 1_u32..50,
        steps in proptest::collection::vec((0_u64..5_000, 1_u32..4), 1..200),
    ) {
        let quota = quota(&format!("{requests}/{window}s"), Some(burst));
        let (mut now, mut full_at, mut admitted) = (SECOND, None, Vec::new());
        for (milliseconds, cost) in steps {
            now += milliseconds * 1_000_000;
            match quota.admit(full_at, cost, now) {
                Decision::Admitted { full_at: next, remaining } => {
                    prop_assert!(remaining <= burst - cost);
                    full_at = Some(next);
                    admitted.push((now, cost));
                }
                // A client that waits for `retry_after` is admitted, if the bucket is large enough.
                Decision::Refused { retry_after } => {
                    let later = now + u64::try_from(retry_after.as_nanos()).unwrap();
                    let then = quota.admit(full_at, cost, later);
                    prop_assert_eq!(matches!(then, Decision::Admitted { .. }), cost <= burst);
                }
            }
        }
        for (index, (from, _)) in admitted.iter().enumerate() {
            let mut sum = 0;
            for (to, cost) in &admitted[index..] {
                sum += u64::from(*cost);
                let refilled = (to - from) / quota.interval;
                prop_assert!(sum <= u64::from(burst) + refilled + 1);
            }
        }
    }
}
