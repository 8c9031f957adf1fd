use std::pin::pin;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use stackup_plugin::Body;
use stackup_plugin::testing::{self, Answered, Json, Mounted, block_on, get, json};

use super::*;

fn limit(config: Json) -> Mounted {
    testing::middleware::<ConcurrencyLimit>(config).unwrap()
}

fn cx() -> task::Context<'static> {
    task::Context::from_waker(Waker::noop())
}

/// A request that runs until its body is dropped.
async fn run(limit: &Mounted) -> Answered {
    limit
        .call(get("/"), async |_req| Body::channel(1).1)
        .await
        .unwrap()
}

async fn status(limit: &Mounted, path: &str) -> u16 {
    let called = limit.call(get(path), async |_req| "app").await.unwrap();
    called.status().as_u16()
}

#[test]
fn requests_beyond_limit_and_queue_get_503() {
    block_on(async {
        let limit = limit(
            json!({ "limit": 2, "queue": 1, "wait": 60_000, "retry_after": 7, "exclude": ["/health"] }),
        );
        let first = run(&limit).await;
        let _second = run(&limit).await;
        let mut waits = pin!(status(&limit, "/"));
        assert!(waits.as_mut().poll(&mut cx()).is_pending());
        let mut refused = pin!(run(&limit));
        let Poll::Ready(refused) = refused.as_mut().poll(&mut cx()) else {
            panic!("the queue is full");
        };
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.header("retry-after"), Some("7"));
        assert_eq!(status(&limit, "/health/db").await, 200);
        assert_eq!(limit.counter("queued", &[]), Some(1));
        assert_eq!(limit.counter("refused", &[]), Some(1));
        // A place is free when the body has ended.
        drop(first);
        assert_eq!(waits.await, 200);
    });
}

#[test]
fn wait_ends() {
    block_on(async {
        let limit = limit(json!({ "limit": 1, "wait": 1 }));
        let _runs = run(&limit).await;
        assert_eq!(status(&limit, "/").await, 503);
        assert_eq!(limit.counter("queued", &[]), Some(1));
        assert_eq!(limit.counter("refused", &[]), Some(1));
    });
}

#[test]
fn places_are_given_in_order_and_back() {
    block_on(async {
        let limit = limit(json!({ "limit": 1, "queue": 2, "wait": 60_000 }));
        let runs = run(&limit).await;
        let mut second = pin!(status(&limit, "/"));
        let mut left = Box::pin(status(&limit, "/"));
        assert!(second.as_mut().poll(&mut cx()).is_pending());
        assert!(left.as_mut().poll(&mut cx()).is_pending());
        assert_eq!(status(&limit, "/").await, 503, "the queue is full");
        // A client that leaves makes room in the queue.
        drop(left);
        let mut third = pin!(status(&limit, "/"));
        assert!(third.as_mut().poll(&mut cx()).is_pending());
        drop(runs);
        assert!(third.as_mut().poll(&mut cx()).is_pending(), "it came later");
        assert_eq!(second.await, 200);
        assert_eq!(third.await, 200);
        let fails = limit.call(get("/"), async |_req| {
            Err::<(), _>(stackup_plugin::Error::msg("no"))
        });
        fails.await.unwrap_err();
        assert_eq!(status(&limit, "/").await, 200);
    });
}

#[test]
fn adaptive_limit_starts_within_its_bounds_and_counts() {
    block_on(async {
        let limit = limit(json!({ "adaptive": { "min": 2, "max": 3 }, "queue": 0 }));
        let (mut running, mut refused) = (Vec::new(), 0);
        for _ in 0..10 {
            match run(&limit).await {
                answered if answered.status() == 503 => refused += 1,
                answered => running.push(answered),
            }
        }
        assert!((2..=3).contains(&running.len()), "{} run", running.len());
        assert_eq!(running.len() + refused, 10);
        drop(running);
        for _ in 0..100 {
            assert_eq!(status(&limit, "/").await, 200);
        }
    });
}

#[test]
fn error_points_at_the_key() {
    for (config, key) in [
        (json!({}), ""),
        (
            json!({ "adaptive": { "min": 9, "max": 3 } }),
            "adaptive.min",
        ),
        (json!({ "adaptive": {}, "limit": 3 }), "limit"),
        (json!({ "limit": 4_000_000_000_u32 }), "limit"),
    ] {
        let error = testing::middleware::<ConcurrencyLimit>(config.clone());
        assert_eq!(error.err().unwrap().place(), key, "{config}");
    }
}

/// A limit that changes while requests run neither loses nor adds places.
#[test]
fn places_are_kept_while_the_limit_changes() {
    let limit = gate::Limit::Adaptive(adaptive::AdaptiveLimit::new(8, 1, 20));
    let gate = Gate::new(limit, 0, Duration::ZERO);
    let (mut running, mut now) = (Vec::new(), Instant::now() + Duration::from_secs(60));
    for step in 0..2_000_u64 {
        now += Duration::from_millis(1 + step * 7_919 % 100);
        // The server is fast and slow by turns.
        let time = Duration::from_millis(if step / 250 % 2 == 0 { 10 } else { 200 });
        match step % 5 {
            0..3 => running.extend(gate.enter_now()),
            3 => running
                .iter()
                .for_each(|place: &gate::Place| place.responded(now - time, now)),
            _ => drop(running.pop()),
        }
        assert!(running.len() <= 20);
    }
    running.clear();
    while let Some(place) = gate.enter_now() {
        running.push(place);
    }
    assert_eq!(running.len(), gate.limit());
}
