//! Decisions about storing and reuse, one rule a test.

use crate::{
    Failure, Heuristic, List, NotStored, Options, Origin, Policy, RequestControl, Reuse,
    StaleBecause, Storing, Times, Timestamp, ValidateBecause, storable,
};

const NOW: i64 = 1_700_000_000;

pub(crate) const OPTIONS: Options<'_> = Options {
    targeted: &["own-control", "cdn-cache-control"],
    heuristic: Some(Heuristic {
        percent: 10,
        most_seconds: 86_400,
    }),
};

pub(crate) fn list(fields: &[(&str, &str)]) -> List {
    fields.iter().copied().collect()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + seconds)
}

fn date(seconds: i64) -> String {
    crate::write_http_date(at(seconds))
}

struct Exchange {
    method: &'static str,
    request: List,
    status: u16,
    response: List,
}

/// A GET that is answered with 200 and these fields.
fn answered(response: &[(&str, &str)]) -> Exchange {
    Exchange {
        method: "GET",
        request: list(&[]),
        status: 200,
        response: list(response),
    }
}

impl Exchange {
    fn stored(&self) -> Result<Policy, NotStored> {
        let exchange = Storing {
            method: self.method,
            origin: &Origin {
                scheme: "http",
                authority: "a.test",
            },
            target: "/x",
            request: &self.request,
            status: self.status,
            response: &self.response,
            times: Times {
                sent: at(0),
                received: at(0),
            },
        };
        storable(&exchange, &OPTIONS).map(|(policy, _)| policy)
    }

    fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn asked(mut self, method: &'static str, request: &[(&str, &str)]) -> Self {
        (self.method, self.request) = (method, list(request));
        self
    }
}

fn control(line: &str) -> Exchange {
    answered(&[("cache-control", line)])
}

/// How long a response is fresh from now on, in seconds; negative if it is stale.
fn fresh_for(response: &[(&str, &str)]) -> Option<i64> {
    let policy = answered(response).stored().ok()?;
    Some(policy.time_to_live(at(0)))
}

#[test]
fn lifetime_is_of_the_first_source_present() {
    let expires = date(30);
    let expires = ("expires", expires.as_str());
    let control = |line| ("cache-control", line);
    assert_eq!(
        fresh_for(&[control("s-maxage=10, max-age=20"), expires]),
        Some(10)
    );
    assert_eq!(fresh_for(&[control("max-age=20"), expires]), Some(20));
    assert_eq!(fresh_for(&[expires]), Some(30));
    assert_eq!(fresh_for(&[control("public"), expires]), Some(30));
    assert_eq!(
        fresh_for(&[control("max-age=60"), ("expires", "0")]),
        Some(60)
    );
    assert_eq!(
        fresh_for(&[("pragma", "no-cache"), control("max-age=60")]),
        Some(60)
    );
    let two = [expires, ("expires", "0"), ("etag", "\"a\"")];
    assert_eq!(fresh_for(&two), Some(0));
    let targeted = ("cdn-cache-control", "max-age=5");
    assert_eq!(
        fresh_for(&[control("no-store"), targeted, expires]),
        Some(5)
    );
    let own = ("own-control", "max-age=6");
    assert_eq!(fresh_for(&[targeted, own]), Some(6));
    let invalid = ("own-control", "max-age=6, &");
    assert_eq!(fresh_for(&[targeted, invalid]), Some(5));
}

#[test]
fn age_and_date_count_against_the_lifetime() {
    let control = ("cache-control", "max-age=3600");
    let tag = ("etag", "\"a\"");
    assert_eq!(fresh_for(&[control, tag, ("age", "7200")]), Some(-3600));
    assert_eq!(
        fresh_for(&[control, tag, ("date", &date(-7200))]),
        Some(-3600)
    );
    assert_eq!(
        fresh_for(&[control, ("age", "60"), ("date", &date(-30))]),
        Some(3540)
    );
    assert_eq!(fresh_for(&[control, ("date", &date(60))]), Some(3600));
    assert_eq!(fresh_for(&[control, ("date", "yesterday")]), Some(3600));
    assert_eq!(
        fresh_for(&[("date", &date(-5)), ("expires", &date(5))]),
        Some(5)
    );
}

#[test]
fn lifetime_is_guessed_from_last_modified() {
    let modified = ("last-modified", &*date(-1000));
    assert_eq!(fresh_for(&[modified]), Some(100));
    assert_eq!(
        fresh_for(&[("last-modified", &date(-100_000_000))]),
        Some(86_400)
    );
    assert_eq!(fresh_for(&[("last-modified", &date(1000))]), None);
    let with = |status, control| {
        let exchange = answered(&[modified, ("cache-control", control)]).status(status);
        exchange.stored().map(|policy| policy.time_to_live(at(0)))
    };
    for status in [203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        assert_eq!(with(status, ""), Ok(100), "{status}");
    }
    for status in [201, 302, 400, 500, 599] {
        assert_eq!(with(status, ""), Err(NotStored::NoFreshness), "{status}");
        assert_eq!(with(status, "public"), Ok(100), "{status}");
    }
    let cookie = answered(&[modified, ("set-cookie", "a=1")]);
    assert_eq!(cookie.stored(), Err(NotStored::Cookie));
    let asked = answered(&[modified]).asked("GET", &[("cookie", "a=1")]);
    assert_eq!(asked.stored(), Err(NotStored::Cookie));
    let stated = answered(&[("cache-control", "max-age=60"), ("set-cookie", "a=1")]);
    assert!(stated.stored().is_ok());
}

#[test]
fn every_final_status_with_a_lifetime_is_stored() {
    for status in [
        200, 203, 204, 299, 301, 302, 307, 400, 404, 410, 451, 500, 503, 599, 999,
    ] {
        assert!(
            control("max-age=60").status(status).stored().is_ok(),
            "{status}"
        );
    }
    for status in [428, 429, 431, 511] {
        let stored = control("max-age=60").status(status).stored();
        assert_eq!(stored, Err(NotStored::Status), "{status}");
    }
    let interim = control("max-age=60").status(103).stored();
    assert_eq!(interim, Err(NotStored::Interim));
    let not_modified = control("max-age=60").status(304).stored();
    assert_eq!(not_modified, Err(NotStored::NotModified));
    let part = answered(&[
        ("cache-control", "max-age=60"),
        ("content-range", "bytes 0-1/2"),
    ]);
    assert!(part.status(206).stored().is_ok());
    let parts = control("max-age=60").status(206).stored();
    assert_eq!(parts, Err(NotStored::Part));
}

#[test]
fn must_understand_replaces_no_store_for_known_status() {
    let line = "no-store, must-understand, max-age=60";
    assert!(control(line).stored().is_ok());
    let unknown = control(line).status(599).stored();
    assert_eq!(unknown, Err(NotStored::MustUnderstand));
    let no_store = control("no-store, max-age=60").stored();
    assert_eq!(no_store, Err(NotStored::NoStore));
}

#[test]
fn private_responses_are_not_stored() {
    assert_eq!(
        control("private, max-age=60").stored(),
        Err(NotStored::Private)
    );
    assert_eq!(
        control("PRIVATE, s-maxage=60").stored(),
        Err(NotStored::Private)
    );
    assert!(
        control("private=\"set-cookie\", max-age=60")
            .stored()
            .is_ok()
    );
}

#[test]
fn response_to_authorization_is_stored_if_it_says_so() {
    let ask = |line| {
        let exchange = control(line).asked("GET", &[("authorization", "Basic YTpi")]);
        exchange.stored().map(drop)
    };
    assert_eq!(ask("max-age=60"), Err(NotStored::Authorization));
    assert_eq!(
        ask("max-age=60, proxy-revalidate"),
        Err(NotStored::Authorization)
    );
    for line in [
        "public, max-age=60",
        "s-maxage=60",
        "max-age=60, must-revalidate",
    ] {
        assert_eq!(ask(line), Ok(()), "{line}");
    }
}

#[test]
fn post_is_stored_for_its_own_target_only() {
    let ask = |control, location| {
        let response = [("cache-control", control), ("content-location", location)];
        answered(&response).asked("POST", &[]).stored().map(drop)
    };
    assert_eq!(ask("max-age=60", "/x"), Ok(()));
    assert_eq!(ask("max-age=60", "http://a.test/x"), Ok(()));
    assert_eq!(ask("max-age=60", "/y"), Err(NotStored::Post));
    assert_eq!(ask("", "/x"), Err(NotStored::Post));
    let put = control("max-age=60").asked("PUT", &[]).stored();
    assert_eq!(put, Err(NotStored::Method));
    let no_store = control("max-age=60").asked("GET", &[("cache-control", "no-store")]);
    assert_eq!(no_store.stored(), Err(NotStored::RequestNoStore));
}

#[test]
fn stale_response_without_validator_is_useless() {
    assert_eq!(control("max-age=0").stored(), Err(NotStored::Useless));
    assert_eq!(
        control("no-cache, max-age=60").stored(),
        Err(NotStored::Useless)
    );
    let tag = ("etag", "\"a\"");
    assert!(
        answered(&[("cache-control", "max-age=0"), tag])
            .stored()
            .is_ok()
    );
    assert!(
        answered(&[("cache-control", "no-cache"), tag])
            .stored()
            .is_ok()
    );
    assert!(control("max-age=0, stale-if-error=60").stored().is_ok());
    let useless = control("max-age=0, must-revalidate, stale-if-error=60").stored();
    assert_eq!(useless, Err(NotStored::Useless));
    assert_eq!(answered(&[tag]).stored(), Err(NotStored::NoFreshness));
    let any = answered(&[("cache-control", "max-age=60"), ("vary", "a, *")]).stored();
    assert_eq!(any, Err(NotStored::VaryAny));
}

/// The decision about a response after `seconds`.
fn reuse(response: &str, request: &str, seconds: i64) -> Reuse {
    let stored = answered(&[("cache-control", response), ("etag", "\"a\"")]).stored();
    let request = match request {
        "" => list(&[]),
        line => list(&[("cache-control", line)]),
    };
    let policy = stored.expect("a stored response");
    policy.reuse(&RequestControl::of(&request), at(seconds))
}

#[test]
fn fresh_response_is_reused_until_its_lifetime_ends() {
    assert_eq!(reuse("max-age=60", "", 59), Reuse::Fresh);
    let expired = Reuse::Validate(ValidateBecause::Expired);
    assert_eq!(reuse("max-age=60", "", 60), expired);
    let no_cache = Reuse::Validate(ValidateBecause::NoCache);
    assert_eq!(reuse("max-age=60, no-cache", "", 0), no_cache);
}

#[test]
fn client_may_ask_for_less_age() {
    let validate = |because| Reuse::Validate(because);
    let no_cache = validate(ValidateBecause::RequestNoCache);
    assert_eq!(reuse("max-age=60", "no-cache", 1), no_cache);
    assert_eq!(reuse("max-age=60, immutable", "no-cache", 1), no_cache);
    let max_age = validate(ValidateBecause::RequestMaxAge);
    assert_eq!(reuse("max-age=60", "max-age=9", 10), max_age);
    assert_eq!(reuse("max-age=60", "max-age=10", 10), Reuse::Fresh);
    // A reload, in the millisecond in which the response came.
    assert_eq!(reuse("max-age=60", "max-age=0", 0), max_age);
    assert_eq!(
        reuse("max-age=60, immutable", "max-age=0", 10),
        Reuse::Fresh
    );
    let min_fresh = validate(ValidateBecause::RequestMinFresh);
    assert_eq!(reuse("max-age=60", "min-fresh=51", 10), min_fresh);
    assert_eq!(reuse("max-age=60", "min-fresh=50", 10), Reuse::Fresh);
    let timeout = Reuse::GatewayTimeout(ValidateBecause::Expired);
    assert_eq!(reuse("max-age=60", "only-if-cached", 60), timeout);
    assert_eq!(reuse("max-age=60", "only-if-cached", 6), Reuse::Fresh);
}

#[test]
fn client_may_accept_stale_responses_unless_the_origin_forbids_it() {
    let stale = Reuse::Stale(StaleBecause::MaxStale);
    let expired = Reuse::Validate(ValidateBecause::Expired);
    assert_eq!(reuse("max-age=60", "max-stale", 9999), stale);
    assert_eq!(reuse("max-age=60", "max-stale=10", 70), stale);
    assert_eq!(reuse("max-age=60", "max-stale=10", 71), expired);
    for line in ["must-revalidate", "proxy-revalidate", "s-maxage=60"] {
        let response = format!("max-age=60, {line}");
        assert_eq!(reuse(&response, "max-stale", 61), expired, "{line}");
    }
}

#[test]
fn stale_while_revalidate_ends_with_its_window() {
    let line = "max-age=60, stale-while-revalidate=30";
    let expired = Reuse::Validate(ValidateBecause::Expired);
    assert_eq!(reuse(line, "", 90), Reuse::StaleWhileRevalidate);
    assert_eq!(reuse(line, "", 91), expired);
    assert_eq!(reuse(line, "max-age=70", 80), expired);
    for forbids in ["must-revalidate", "proxy-revalidate", "s-maxage=60"] {
        let line = format!("{line}, {forbids}");
        assert_eq!(reuse(&line, "", 61), expired, "{forbids}");
    }
}

#[test]
fn stale_if_error_ends_with_its_window() {
    let after = |line: &str, failure, request: &str, seconds| {
        let stored = answered(&[("cache-control", line), ("etag", "\"a\"")]).stored();
        let request = RequestControl::of(&list(&[("cache-control", request)]));
        let policy = stored.expect("a stored response");
        policy.reuse_after(failure, &request, at(seconds))
    };
    let line = "max-age=60, stale-if-error=30";
    let because = Some(StaleBecause::StaleIfError);
    for status in [500, 502, 503, 504] {
        assert_eq!(after(line, Failure::Status(status), "", 90), because);
    }
    assert_eq!(after(line, Failure::Status(404), "", 61), None);
    assert_eq!(after(line, Failure::Status(503), "", 91), None);
    assert_eq!(after("max-age=60", Failure::Status(503), "", 61), None);
    let asked = after("max-age=60", Failure::Status(503), "stale-if-error=5", 61);
    assert_eq!(asked, because);
    let disconnected = after("max-age=60", Failure::NoAnswer, "", 99);
    assert_eq!(disconnected, Some(StaleBecause::Disconnected));
    for forbids in [
        "must-revalidate",
        "proxy-revalidate",
        "s-maxage=60",
        "no-cache",
    ] {
        let line = format!("{line}, {forbids}");
        assert_eq!(after(&line, Failure::NoAnswer, "", 61), None, "{forbids}");
    }
}
