//! What holds for every response, request and time.

use proptest::prelude::*;

use crate::decisions::{OPTIONS, at, list};
use crate::{
    Origin, Policy, RequestControl, Reuse, Storing, Times, storable, variant_key, write_http_date,
};

fn policy(response: &[(&str, &str)]) -> Option<Policy> {
    let exchange = Storing {
        method: "GET",
        origin: &Origin {
            scheme: "http",
            authority: "a.test",
        },
        target: "/x",
        request: &list(&[]),
        status: 200,
        response: &list(response),
        times: Times {
            sent: at(0),
            received: at(0),
        },
    };
    storable(&exchange, &OPTIONS).ok().map(|(policy, _)| policy)
}

/// A directive, valid or not.
fn directive() -> impl Strategy<Value = String> {
    let seconds = prop_oneof![
        (0_u64..200).prop_map(|seconds| seconds.to_string()),
        Just("\"7\"".to_owned()),
        Just("-1".to_owned()),
        Just("x".to_owned()),
        Just("99999999999999999999".to_owned()),
    ];
    let numbered = prop_oneof![
        Just("max-age"),
        Just("s-maxage"),
        Just("stale-while-revalidate"),
        Just("stale-if-error"),
        Just("min-fresh"),
        Just("max-stale"),
    ];
    let plain = prop_oneof![
        Just("no-cache"),
        Just("must-revalidate"),
        Just("proxy-revalidate"),
        Just("immutable"),
        Just("public"),
        Just("only-if-cached"),
        Just("x=\"a, b\""),
    ];
    prop_oneof![
        3 => (numbered, seconds).prop_map(|(name, value)| format!("{name}={value}")),
        1 => plain.prop_map(str::to_owned),
    ]
}

fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(directive(), 0..5).prop_map(|list| list.join(", "))
}

proptest! {
    #[test]
    fn stale_response_is_never_reused_as_fresh(
        response in line(), request in line(), age in 0_i64..300, seconds in 0_i64..300,
    ) {
        let fields = [
            ("cache-control", &*response), ("age", &age.to_string()), ("etag", "\"a\""),
        ];
        let Some(policy) = policy(&fields) else { return Ok(()) };
        let asked = list(&[("cache-control", &*request)]);
        let decision = policy.reuse(&RequestControl::of(&asked), at(seconds));
        let lifetime = i64::try_from(policy.lifetime.milliseconds / 1000).unwrap_or(i64::MAX);
        if decision == Reuse::Fresh {
            prop_assert!(age + seconds < lifetime);
            prop_assert!(!policy.no_cache);
        }
        if matches!(decision, Reuse::Stale(_) | Reuse::StaleWhileRevalidate) {
            prop_assert!(!policy.forbids_stale);
        }
        if decision == Reuse::StaleWhileRevalidate {
            let window = i64::try_from(policy.stale_while_revalidate / 1000).unwrap_or(i64::MAX);
            prop_assert!(age + seconds <= lifetime.saturating_add(window));
        }
    }

    #[test]
    fn age_grows_with_time_and_decisions_do_not_return(
        response in line(), one in 0_i64..300, other in 0_i64..300,
    ) {
        let Some(policy) = policy(&[("cache-control", &*response), ("etag", "\"a\"")]) else {
            return Ok(());
        };
        let (early, late) = (one.min(other), one.max(other));
        prop_assert!(policy.age(at(early)) <= policy.age(at(late)));
        prop_assert!(policy.time_to_live(at(early)) >= policy.time_to_live(at(late)));
        prop_assert!(policy.is_fresh(at(early)) || !policy.is_fresh(at(late)));
    }

    #[test]
    fn further_directives_of_a_number_never_extend_it(first in 0_u64..100, rest in line()) {
        let line = format!("max-age={first}, {rest}");
        let fields = [("cache-control", &*line), ("etag", "\"a\"")];
        if let Some(policy) = policy(&fields) && !rest.contains("s-maxage") {
            prop_assert!(policy.lifetime.milliseconds <= first * 1000);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        control in "\\PC{0,60}", date in "\\PC{0,40}", vary in "\\PC{0,40}",
    ) {
        let fields = [
            ("cache-control", &*control), ("cdn-cache-control", &*vary), ("expires", &*date),
            ("date", &*date), ("last-modified", &*date), ("age", &*date), ("vary", &*vary),
            ("etag", &*vary), ("cache-groups", &*vary), ("no-vary-search", &*control),
        ];
        let _ = policy(&fields);
        let fields = list(&fields);
        let _ = RequestControl::of(&fields);
        let _ = crate::cache_groups(&fields);
        let _ = crate::NoVarySearch::of(&fields).map(|rule| rule.normalize(&control));
        let _ = variant_key(["vary", "date"], &fields);
        let _ = crate::requested_range(&fields, &fields, 10, at(0));
        let _ = crate::content_range(control.as_bytes());
    }

    #[test]
    fn written_date_is_read_back(seconds in 0_i64..4_000_000_000) {
        let time = crate::Timestamp::from_seconds(seconds);
        let text = write_http_date(time);
        prop_assert_eq!(crate::http_date(text.as_bytes(), at(0)), Some(time));
    }

    #[test]
    fn variant_key_ignores_order_of_languages(mut tags in prop::collection::vec("[a-z]{2}", 1..6)) {
        let before = list(&[("accept-language", &*tags.join(", "))]);
        tags.reverse();
        let after = list(&[("accept-language", &*tags.join(","))]);
        let key = |fields| variant_key(["accept-language"], fields);
        prop_assert_eq!(key(&before), key(&after));
    }
}
