use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::super::answer::End;
use super::super::header_change::Mark;
use super::super::request::test_support::request;
use super::*;

fn answer(status: u16, lines: &[(&str, &str)], body: &'static str) -> Answer {
    Answer::Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: request("GET", "/", lines).headers,
        content: Content {
            bytes: Bytes::from_static(body.as_bytes()),
            end: End::Whole,
        },
    }
}

fn ended(end: End) -> Answer {
    let Answer::Response {
        status, headers, ..
    } = answer(200, &[], "")
    else {
        unreachable!()
    };
    let bytes = Bytes::from_static(b"part");
    Answer::Response {
        status,
        headers,
        content: Content { bytes, end },
    }
}

fn names(found: &Difference) -> Vec<(&str, Mark)> {
    let changes = found.headers.iter();
    changes
        .map(|change| (change.name.as_str(), change.mark))
        .collect()
}

#[test]
fn field_that_is_new_gone_or_other_is_a_difference() {
    let before = answer(200, &[("a", "1"), ("b", "1"), ("c", "1")], "x");
    let after = answer(200, &[("b", "2"), ("c", "1"), ("d", "1")], "x");
    let found = difference(&before, Some(&before), &after).unwrap();
    let expected = [
        ("a", Mark::Removed),
        ("b", Mark::Changed),
        ("d", Mark::Added),
    ];
    assert_eq!(names(&found), expected);
    assert_eq!(found.body, None);
}

#[test]
fn volatile_field_is_no_difference_but_its_absence_is() {
    let before = answer(200, &[("x-id", "1")], "x");
    let again = answer(200, &[("x-id", "2")], "x");
    let after = answer(200, &[("x-id", "3")], "x");
    assert!(!are_same(&before, &after));
    assert_eq!(difference(&before, Some(&again), &after), None);
    let without = answer(200, &[], "x");
    let found = difference(&before, Some(&again), &without).unwrap();
    assert_eq!(names(&found), [("x-id", Mark::Removed)]);
}

#[test]
fn attribute_of_a_volatile_cookie_is_a_difference_without_its_value() {
    let cookie = |value: &'static str| answer(200, &[("set-cookie", value)], "x");
    let found = difference(
        &cookie("id=a1; Path=/"),
        Some(&cookie("id=b2; Path=/")),
        &cookie("id=c3; Path=/; Secure"),
    );
    let found = found.unwrap();
    assert_eq!(found.headers[0].after, ["[hidden]"]);
    assert_eq!(
        difference(&cookie("id=a1"), Some(&cookie("id=b2")), &cookie("id=c3")),
        None
    );
}

#[test]
fn times_and_what_follows_from_the_body_are_no_differences() {
    let before = answer(
        200,
        &[
            ("date", "a"),
            ("x-runtime", "1"),
            ("etag", "1"),
            ("content-length", "1"),
        ],
        "x",
    );
    let after = answer(
        200,
        &[
            ("date", "b"),
            ("x-runtime", "2"),
            ("etag", "2"),
            ("content-length", "2"),
        ],
        "xy",
    );
    let found = difference(&before, Some(&before), &after).unwrap();
    assert_eq!(names(&found), []);
    assert!(matches!(
        found.body,
        Some(BodyChange::Lines {
            removed: 1,
            added: 1,
            ..
        })
    ));
    // A HEAD has no body that could say it.
    let (before, after) = (
        answer(200, &[("etag", "1")], ""),
        answer(200, &[("etag", "2")], ""),
    );
    let found = difference(&before, Some(&before), &after).unwrap();
    assert_eq!(names(&found), [("etag", Mark::Changed)]);
}

#[test]
fn other_status_is_the_whole_difference() {
    let before = answer(200, &[("a", "1")], "x");
    let why = "hello: panicked: no (at lib.rs:1)".to_owned();
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let found = difference(&before, Some(&before), &Answer::Failed { status, why }).unwrap();
    let outcome = (
        "200".to_owned(),
        "500 (hello: panicked: no (at lib.rs:1))".to_owned(),
    );
    assert_eq!(found.outcome, Some(outcome));
    assert!(found.headers.is_empty());
    let late = Answer::Late(Duration::from_secs(2));
    let found = difference(&before, Some(&before), &late).unwrap();
    assert_eq!(found.outcome.unwrap().1, "no answer within 2s");
    assert_eq!(difference(&late, Some(&late), &late), None);
}

#[test]
fn flaky_status_of_old_code_is_no_difference() {
    let (before, again) = (answer(200, &[], "x"), answer(500, &[], "y"));
    assert_eq!(
        difference(&before, Some(&again), &answer(404, &[], "z")),
        None
    );
}

#[test]
fn body_that_does_not_end_is_a_difference() {
    let whole = ended(End::Whole);
    let found = difference(
        &whole,
        Some(&whole),
        &ended(End::Late(Duration::from_secs(2))),
    )
    .unwrap();
    let how = "does not end within 2s".to_owned();
    assert_eq!(found.body, Some(BodyChange::End { how }));
    assert_eq!(difference(&whole, Some(&whole), &ended(End::Cut)), None);
    let failed = ended(End::Failed("hello: no".to_owned()));
    let found = difference(&answer(404, &[], ""), None, &failed).unwrap();
    let outcome = ("404".to_owned(), "200 (body fails: hello: no)".to_owned());
    assert_eq!(found.outcome, Some(outcome));
}

#[test]
fn diff_of_a_body_has_no_secret_and_no_control_character() {
    let before = answer(200, &[], "name=a\nHTTP_COOKIE=sid=abc\n");
    let after = answer(
        200,
        &[],
        "name=b\nHTTP_COOKIE=sid=abc\n/x?token=abc\u{1b}[2J\n",
    );
    let found = difference(&before, Some(&before), &after).unwrap();
    let Some(BodyChange::Lines {
        removed,
        added,
        diff,
    }) = found.body
    else {
        panic!("{found:?}");
    };
    assert_eq!((removed, added), (1, 2));
    assert!(diff.contains("-name=a\n+name=b\n"), "{diff}");
    assert!(!diff.contains("abc") && !diff.contains('\u{1b}'), "{diff}");
}

#[test]
fn other_bytes_are_counted() {
    let bytes = |bytes: &'static [u8]| Answer::Response {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        content: Content {
            bytes: Bytes::from_static(bytes),
            end: End::Whole,
        },
    };
    let found = difference(&bytes(b"\xff1"), Some(&bytes(b"\xff1")), &bytes(b"\xff12")).unwrap();
    assert_eq!(
        found.body,
        Some(BodyChange::Bytes {
            before: 2,
            after: 3
        })
    );
    assert_eq!(
        difference(&bytes(b"\xff1"), Some(&bytes(b"\xff2")), &bytes(b"\xff3")),
        None
    );
}
