//! Streams: nothing is held back, all who want a response read along, and the fill outlives its client.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use stackup_plugin::Body;
use stackup_plugin::testing::{Answered, block_on};

use super::*;

const LINES: &[&str] = &["cache-control: max-age=60"];

/// Fails if the layers below are asked.
async fn unasked(_req: Request) -> Result {
    panic!("the layers below were asked")
}

async fn next_chunk(body: &mut Body) -> String {
    let frame = body.frame().await.expect("a frame").expect("no error");
    let data = frame.into_data().expect("data");
    String::from_utf8(data.to_vec()).expect("text")
}

/// The output of a future that must not wait.
async fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(output),
        Poll::Pending => panic!("it waits"),
    })
    .await
}

/// Sends the same request until it is answered from the store: a fill stores in a task, and until it ends others read along.
async fn stored(cache: &Mounted, target: &str) -> Answered {
    let begun = Instant::now();
    loop {
        let answered = cache.call(ask(target, &[]), unasked).await.unwrap();
        let reads_along = |status: &str| status.contains("; collapsed");
        if !answered.header("cache-status").is_some_and(reads_along) {
            return answered;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it never ends");
    }
}

#[test]
fn chunks_pass_at_once_and_the_whole_is_stored() {
    let cache = cache(json!({}));
    block_on(async {
        let (mut sender, body) = Body::channel(1);
        let below = async move |_req: Request| response(200, LINES, body);
        let mut first = cache.call(ask("GET /x", &[]), below).await.unwrap();
        let mut body = first.take_body();
        sender.send("one ").await.unwrap();
        assert_eq!(next_chunk(&mut body).await, "one ");
        sender.send("two").await.unwrap();
        assert_eq!(next_chunk(&mut body).await, "two");
        drop(sender);
        assert!(body.frame().await.is_none());
        assert_eq!(
            stored(&cache, "GET /x").await.finish().await.unwrap(),
            "one two"
        );
    });
}

#[test]
fn late_reader_gets_what_came_before_and_what_comes() {
    clock::test::set(0);
    let cache = cache(json!({}));
    block_on(async {
        let (mut sender, body) = Body::channel(1);
        let below = async move |_req: Request| response(200, LINES, body);
        let mut first = cache.call(ask("GET /x", &[]), below).await.unwrap();
        let mut first = first.take_body();
        sender.send("one ").await.unwrap();
        assert_eq!(next_chunk(&mut first).await, "one ");
        let mut second = cache.call(ask("GET /x", &[]), unasked).await.unwrap();
        let status = second.header("cache-status").unwrap().to_owned();
        assert_eq!(status, "stackup; fwd=uri-miss; ttl=60; collapsed");
        let mut second = second.take_body();
        assert_eq!(next_chunk(&mut second).await, "one ");
        // The client that began leaves.
        drop(first);
        sender.send("two").await.unwrap();
        assert_eq!(next_chunk(&mut second).await, "two");
        drop(second);
        sender.send(" three").await.unwrap();
        drop(sender);
        let all = stored(&cache, "GET /x").await.finish().await.unwrap();
        assert_eq!(all, "one two three");
    });
}

/// A request may look into the store just before the response is there, and begin after those who fetched it are done.
#[test]
fn request_that_looked_too_early_looks_again() {
    let cache = cache(json!({}));
    block_on(async {
        for round in 0..200 {
            let target = format!("GET /{round}");
            let (sender, body) = Body::channel(1);
            let below = async move |_req: Request| response(200, LINES, body);
            let first = cache.call(ask(&target, &[]), below).await.unwrap();
            drop(sender);
            let _ = stored(&cache, &target).await;
            drop(first);
        }
    });
}

#[test]
fn error_hides_nothing_that_another_process_stores() {
    let (here, elsewhere) = (cache(json!({})), cache(json!({})));
    block_on(async {
        let below = async |_req: Request| response(503, &[], "");
        let error = here.call(ask("GET /x", &[]), below).await.unwrap();
        assert_eq!(error.status(), 503);
        let below = async |_req: Request| response(200, LINES, "one");
        let _ = elsewhere.call(ask("GET /x", &[]), below).await.unwrap();
        let answered = here.call(ask("GET /x", &[]), unasked).await.unwrap();
        assert_eq!(answered.finish().await.unwrap(), "one");
    });
}

#[test]
fn one_request_goes_down_for_all_that_wait() {
    let cache = cache(json!({}));
    block_on(async {
        let (sender, started) = Body::channel(1);
        let (release, released) = Body::channel(1);
        let below = async move |_req: Request| {
            drop(sender);
            let _ = released.collect(1).await;
            response(200, LINES, "one")
        };
        let mut first = pin!(cache.call(ask("GET /x", &[]), below));
        let mut others: Vec<_> = (0..20)
            .map(|_| Box::pin(cache.call(ask("GET /x", &[]), unasked)))
            .collect();
        // The first is under way before the others ask.
        poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        started.collect(1).await.unwrap();
        poll_fn(|cx| {
            for other in &mut others {
                assert!(other.as_mut().poll(cx).is_pending());
            }
            Poll::Ready(())
        })
        .await;
        drop(release);
        assert_eq!(first.await.unwrap().finish().await.unwrap(), "one");
        for other in others {
            assert_eq!(other.await.unwrap().finish().await.unwrap(), "one");
        }
    });
}

#[test]
fn next_one_goes_down_when_the_first_client_leaves() {
    let cache = cache(json!({}));
    block_on(async {
        let below = async |_req: Request| std::future::pending::<Result>().await;
        let mut first = Box::pin(cache.call(ask("GET /x", &[]), below));
        let below = async |_req: Request| response(200, LINES, "two");
        let mut second = Box::pin(cache.call(ask("GET /x", &[]), below));
        poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            assert!(second.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(first);
        assert_eq!(second.await.unwrap().finish().await.unwrap(), "two");
    });
}

#[test]
fn requests_with_credentials_do_not_wait_for_each_other() {
    let cache = cache(json!({}));
    let line = "authorization: Basic YTpi";
    block_on(async {
        let below = async |_req: Request| std::future::pending::<Result>().await;
        let mut first = Box::pin(cache.call(ask("GET /x", &[line]), below));
        poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let below = async |_req: Request| response(200, LINES, "own");
        let second = at_once(cache.call(ask("GET /x", &[line]), below)).await;
        assert_eq!(second.unwrap().finish().await.unwrap(), "own");
    });
}

#[test]
fn requests_with_cookies_share_what_does_not_depend_on_them() {
    for (target, lines, expected) in [
        ("GET /alike", LINES, "first"),
        (
            "GET /vary",
            &["cache-control: max-age=60", "vary: cookie"],
            "second",
        ),
        (
            "GET /private",
            &["cache-control: private, max-age=60"],
            "second",
        ),
        // A guess is not enough.
        (
            "GET /guess",
            &["last-modified: Sat, 04 Nov 2023 22:13:20 GMT"],
            "second",
        ),
    ] {
        let cache = cache(json!({}));
        block_on(async {
            let (release, released) = Body::channel(1);
            let below = async move |_req: Request| {
                let _ = released.collect(1).await;
                response(200, lines, "first")
            };
            let mut first = Box::pin(cache.call(ask(target, &["cookie: a=1"]), below));
            let below = async move |_req: Request| response(200, lines, "second");
            let mut second = Box::pin(cache.call(ask(target, &["cookie: a=2"]), below));
            poll_fn(|cx| {
                assert!(first.as_mut().poll(cx).is_pending());
                assert!(second.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            drop(release);
            assert_eq!(first.await.unwrap().finish().await.unwrap(), "first");
            let second = second.await.unwrap().finish().await.unwrap();
            assert_eq!(second, expected, "{lines:?}");
        });
    }
}

#[test]
fn uncacheable_targets_do_not_queue() {
    let cache = cache(json!({}));
    block_on(async {
        let private = async |_req: Request| response(200, &["cache-control: private"], "1");
        let _ = cache.call(ask("GET /x", &[]), private).await.unwrap();
        let below = async |_req: Request| std::future::pending::<Result>().await;
        let mut first = Box::pin(cache.call(ask("GET /x", &[]), below));
        poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let second = at_once(cache.call(ask("GET /x", &[]), private)).await;
        assert_eq!(second.unwrap().finish().await.unwrap(), "1");
    });
}

#[test]
fn failed_or_too_long_bodies_are_not_stored() {
    block_on(async {
        let cache = cache(json!({ "max_bytes": 5 }));
        for (path, fails) in [("GET /fails", true), ("GET /long", false)] {
            let (mut sender, body) = Body::channel(8);
            let below = async move |_req: Request| response(200, LINES, body);
            let mut first = cache.call(ask(path, &[]), below).await.unwrap();
            let body = first.take_body();
            sender.send("123").await.unwrap();
            if fails {
                sender.fail(stackup_plugin::Error::msg("broken"));
                assert!(body.collect(99).await.is_err());
            } else {
                sender.send("456789").await.unwrap();
                drop(sender);
                assert_eq!(body.collect(99).await.unwrap().bytes, "123456789");
            }
            let below = async |_req: Request| response(200, &["cache-control: no-store"], "new");
            loop {
                // Until the fill's task has ended, requests may read along with it.
                let again = cache.call(ask(path, &[]), below).await.unwrap();
                if again.header("cache-control") == Some("no-store") {
                    break;
                }
            }
        }
    });
}

#[test]
fn long_bodies_are_stored_in_pieces_and_sent_in_parts() {
    let cache = cache(json!({}));
    let content: String = (0..120_000).map(|number| format!("{number:06}")).collect();
    block_on(async {
        let whole = content.clone();
        let below = async move |_req: Request| response(200, LINES, whole);
        let first = cache.call(ask("GET /x", &[]), below).await.unwrap();
        assert_eq!(first.finish().await.unwrap(), content);
        let again = stored(&cache, "GET /x").await;
        assert_eq!(again.finish().await.unwrap(), content);
        for (first, last) in [(0, 9), (262_140, 262_150), (500_000, 719_999)] {
            let range = format!("range: bytes={first}-{last}");
            let part = cache.call(ask("GET /x", &[&range]), unasked).await.unwrap();
            assert_eq!(part.status(), 206);
            let expected = format!("bytes {first}-{last}/{}", content.len());
            assert_eq!(part.header("content-range"), Some(&*expected));
            assert_eq!(part.finish().await.unwrap(), &content[first..=last]);
        }
    });
}

#[test]
fn store_that_is_away_costs_no_request() {
    let cache = cache(json!({}));
    let store = testing::store();
    store.unavailable(true);
    block_on(async {
        for _ in 0..2 {
            let below = async |_req: Request| response(200, LINES, "one");
            let answered = cache.call(ask("GET /x", &[]), below).await.unwrap();
            let status = answered.header("cache-status").unwrap();
            assert_eq!(
                status,
                "stackup; fwd=bypass; detail=\"the store does not answer (config)\""
            );
            assert_eq!(answered.finish().await.unwrap(), "one");
        }
    });
}

#[test]
fn response_that_is_overtaken_by_a_change_is_not_stored() {
    // Whether others wait for it or not.
    for (target, line) in [("/alike", "x-a: 1"), ("/own", "cache-control: max-age=60")] {
        overtaken(target, line);
    }
}

fn overtaken(target: &str, line: &str) {
    let cache = cache(json!({}));
    let (get, put) = (format!("GET {target}"), format!("PUT {target}"));
    block_on(async {
        let (release, released) = Body::channel(1);
        let below = async move |_req: Request| {
            let _ = released.collect(1).await;
            response(200, LINES, "old")
        };
        let mut first = Box::pin(cache.call(ask(&get, &[line]), below));
        poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let below = async |_req: Request| response(204, &[], "");
        let _ = cache.call(ask(&put, &[]), below).await.unwrap();
        drop(release);
        assert_eq!(first.await.unwrap().finish().await.unwrap(), "old");
        let below = async |_req: Request| response(200, LINES, "new");
        let after = cache.call(ask(&get, &[]), below).await.unwrap();
        assert_eq!(after.finish().await.unwrap(), "new");
    });
}

#[test]
fn body_of_another_length_than_declared_is_not_stored() {
    let cache = cache(json!({}));
    block_on(async {
        let (mut sender, body) = Body::channel(1);
        let lines = &["cache-control: max-age=60", "content-length: 9"];
        let below = async move |_req: Request| response(200, lines, body);
        let mut first = cache.call(ask("GET /x", &[]), below).await.unwrap();
        sender.send("short").await.unwrap();
        drop(sender);
        assert_eq!(first.take_body().collect(9).await.unwrap().bytes, "short");
        drop(first);
        let below = async |_req: Request| response(200, &["cache-control: no-store"], "new");
        loop {
            // Until the fill's task has ended, requests may read along with it.
            let again = cache.call(ask("GET /x", &[]), below).await.unwrap();
            if again.header("cache-control") == Some("no-store") {
                break;
            }
        }
    });
}
