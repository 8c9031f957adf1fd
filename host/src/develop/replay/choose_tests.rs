use proptest::prelude::*;

use super::super::request::test_support::request;
use super::*;

fn answered(lines: &[(&str, &str)]) -> WholeAnswer {
    WholeAnswer {
        status: StatusCode::OK,
        headers: request("GET", "/", lines).headers,
        took: Duration::from_millis(3),
        failed: false,
    }
}

/// The targets of the requests that are played of these, all of them answered with these headers.
fn chosen(seen: Vec<ReplayRequest>, answer: &WholeAnswer) -> Vec<String> {
    let seen = seen.into_iter().map(|one| (one, answer.clone()));
    choose(seen).iter().map(|one| one.uri.to_string()).collect()
}

fn is_played(seen: ReplayRequest, answer: &WholeAnswer) -> bool {
    !chosen(vec![seen], answer).is_empty()
}

#[test]
fn only_safe_requests_with_an_end_are_played() {
    let plain = answered(&[]);
    assert!(is_played(request("GET", "/", &[]), &plain));
    assert!(is_played(request("HEAD", "/", &[]), &plain));
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT"] {
        assert!(!is_played(request(method, "/", &[]), &plain), "{method}");
    }
    let with_body = ReplayRequest {
        has_body: true,
        ..request("GET", "/", &[])
    };
    assert!(!is_played(with_body, &plain));
    assert!(!is_played(
        request("GET", "/", &[("upgrade", "websocket")]),
        &plain
    ));
    let stream = answered(&[("content-type", "text/event-stream; charset=utf-8")]);
    assert!(!is_played(request("GET", "/", &[]), &stream));
    assert!(!is_played(
        request("GET", "/", &[("accept", "text/event-stream")]),
        &plain
    ));
    let slow = WholeAnswer {
        took: QUICK * 2,
        ..answered(&[])
    };
    assert!(!is_played(request("GET", "/", &[]), &slow));
    let switched = WholeAnswer {
        status: StatusCode::SWITCHING_PROTOCOLS,
        ..answered(&[])
    };
    assert!(!is_played(request("GET", "/", &[]), &switched));
}

#[test]
fn link_with_a_secret_is_not_played() {
    let plain = answered(&[]);
    assert!(!is_played(
        request("GET", "/callback?code=abc&x=1", &[]),
        &plain
    ));
    assert!(!is_played(request("GET", "/reset?token=abc", &[]), &plain));
    assert!(is_played(request("GET", "/search?q=abc", &[]), &plain));
}

#[test]
fn newest_of_each_kind_is_played() {
    let ask = |uri: &str, lines: &[(&str, &str)], number| ReplayRequest {
        number,
        ..request("GET", uri, lines)
    };
    let numbers = |seen: Vec<ReplayRequest>, answer: &WholeAnswer| {
        let seen = seen.into_iter().map(|one| (one, answer.clone()));
        choose(seen)
            .iter()
            .map(|one| one.number)
            .collect::<Vec<_>>()
    };
    let seen = || {
        vec![
            ask("/", &[("accept", "text/html"), ("cookie", "a=2")], 5),
            ask("/", &[("accept", "application/json"), ("cookie", "a=1")], 4),
            ask("/?q=1", &[], 3),
            ask("/", &[("host", "b.example"), ("accept", "text/html")], 2),
            ask("/", &[("accept", "text/html"), ("cookie", "a=0")], 1),
        ]
    };
    assert_eq!(numbers(seen(), &answered(&[])), [5, 3, 2]);
    let vary = answered(&[("vary", "Accept, cookie"), ("vary", "*")]);
    assert_eq!(numbers(seen(), &vary), [5, 4, 3, 2]);
}

proptest! {
    #[test]
    fn never_more_than_the_most(paths in proptest::collection::vec("/[a-z]{1,2}", 0..80)) {
        let seen = paths.iter().map(|path| request("GET", path, &[])).collect();
        let chosen = chosen(seen, &answered(&[]));
        let mut different = paths;
        different.sort();
        different.dedup();
        prop_assert_eq!(chosen.len(), different.len().min(MOST));
    }
}
