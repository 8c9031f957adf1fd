//! Servers that work again: after a while, or by checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use stackup_plugin::testing::{self, get, json};
use stackup_plugin::{Error, Request, StatusCode};

use crate::tests::{answer, proxy};

#[test]
fn server_that_works_again_is_asked_again_and_the_log_says_so() {
    let log = testing::log();
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    testing::server(move |req: Request| {
        let name = req.uri().host().unwrap_or_default().to_owned();
        let fails = name == "one" && down.load(Ordering::Relaxed);
        async move {
            match fails {
                true => Err(Error::msg("it is down")),
                false => Ok(name),
            }
        }
    });
    let proxy =
        proxy(json!({ "to": ["http://one", "http://two"], "failures": 1, "cool_down": 0.001 }));
    while log.messages().is_empty() {
        assert_eq!(answer(&proxy, get("/")).unwrap(), "two");
    }
    is_down.store(false, Ordering::Relaxed);
    while answer(&proxy, get("/")).unwrap() != "one" {}
    assert_eq!(log.messages()[1], "http://one works again");
}

#[test]
fn check_takes_a_server_out_until_it_works_again() {
    for (status, bad, good) in [(None, 500, 302), (None, 400, 200), (Some(204), 200, 204)] {
        let (log, clock) = (testing::log(), testing::clock());
        let of_one = Arc::new(AtomicU16::new(bad));
        let now = Arc::clone(&of_one);
        testing::server(move |req: Request| {
            let name = req.uri().host().unwrap_or_default().to_owned();
            let status = match (req.path(), name.as_str()) {
                ("/up", "one") => now.load(Ordering::Relaxed),
                ("/up", _) => good,
                _ => 200,
            };
            async move { Ok::<_, Error>((StatusCode::from_u16(status)?, name)) }
        });
        let proxy = proxy(json!({
            "to": ["http://one", "http://two"], "check": { "path": "/up", "every": 5, "status": status },
        }));
        proxy.serving().unwrap();
        // Both were asked.
        clock.wait_for_sleepers(2);
        for _ in 0..4 {
            assert_eq!(answer(&proxy, get("/")).unwrap(), "two");
        }
        let bad = StatusCode::from_u16(bad).unwrap();
        let expected = format!("http://one gets no requests: its answer to /up is {bad}");
        assert_eq!(log.messages(), [expected]);
        of_one.store(good, Ordering::Relaxed);
        clock.advance(Duration::from_secs(5));
        clock.wait_for_sleepers(2);
        let mut names = [(); 2].map(|()| answer(&proxy, get("/")).unwrap());
        names.sort();
        assert_eq!(names, ["one", "two"]);
        assert_eq!(log.messages()[1], "http://one works again");
    }
}
