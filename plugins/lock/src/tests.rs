use std::pin::pin;
use std::task::{self, Poll, Waker};

use stackup_plugin::testing::{self, Answered, Mounted, block_on, get, json};
use stackup_plugin::{Body, Error};

use super::*;

fn mounted() -> Mounted {
    testing::middleware::<Lock>(json!({})).unwrap()
}

/// The response if the request does not have to wait.
async fn at_once(lock: &Mounted) -> Option<Answered> {
    let mut call = pin!(lock.call(get("/"), async |_req| "hello"));
    match call
        .as_mut()
        .poll(&mut task::Context::from_waker(Waker::noop()))
    {
        Poll::Ready(res) => Some(res.unwrap()),
        Poll::Pending => None,
    }
}

#[test]
fn lock_is_held_until_the_body_ends() {
    block_on(async {
        let lock = mounted();
        let (mut sender, body) = Body::channel(1);
        let mut first = lock.call(get("/"), async |_req| body).await.unwrap();
        assert!(at_once(&lock).await.is_none());
        sender.send("half").await.unwrap();
        let mut body = first.take_body();
        body.frame().await.unwrap().unwrap();
        assert!(at_once(&lock).await.is_none());
        drop(sender);
        assert!(body.frame().await.is_none());
        assert!(at_once(&lock).await.is_some());
    });
}

#[test]
fn lock_is_released_however_the_request_ends() {
    block_on(async {
        let lock = mounted();
        // The client leaves in the middle of a body.
        let mut res = lock
            .call(get("/"), async |_req| Body::channel(1).1)
            .await
            .unwrap();
        drop(res.take_body());
        drop(
            at_once(&lock)
                .await
                .expect("a body that is dropped lets go"),
        );
        // The body fails.
        let failing = async |_req| {
            let (sender, body) = Body::channel(1);
            sender.fail(Error::msg("broken"));
            body
        };
        lock.call(get("/"), failing)
            .await
            .unwrap()
            .finish()
            .await
            .unwrap_err();
        drop(at_once(&lock).await.expect("a body that fails lets go"));
        // The app fails, or panics.
        let fail = async |_req| Err::<(), _>(Error::msg("no"));
        lock.call(get("/"), fail).await.unwrap_err();
        let panics = async |_req| -> &str { panic!("oh") };
        let fails = testing::app_fn(panics).unwrap();
        let stack = mounted().over(fails);
        assert!(stack.answer(get("/")).await.unwrap_err().is_panic());
        drop(at_once(&lock).await.expect("an error lets go"));
        // The client leaves while the app works, and while it waits.
        {
            let mut call =
                pin!(lock.call(get("/"), async |_req| std::future::pending::<()>().await));
            let mut cx = task::Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(&mut cx).is_pending());
            assert!(at_once(&lock).await.is_none());
        }
        assert!(
            at_once(&lock).await.is_some(),
            "a call that is dropped lets go"
        );
    });
}

#[test]
fn requests_get_the_lock_in_order() {
    block_on(async {
        let lock = mounted();
        let held = lock.call(get("/"), async |_req| "").await.unwrap();
        let mut cx = task::Context::from_waker(Waker::noop());
        let mut second = pin!(lock.call(get("/"), async |_req| "second"));
        let mut left = Box::pin(lock.call(get("/"), async |_req| "left"));
        let mut third = pin!(lock.call(get("/"), async |_req| "third"));
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(left.as_mut().poll(&mut cx).is_pending());
        assert!(third.as_mut().poll(&mut cx).is_pending());
        drop(held);
        // One that comes only now does not overtake, nor does one that is asked first.
        assert!(at_once(&lock).await.is_none());
        assert!(third.as_mut().poll(&mut cx).is_pending());
        let res = second.await.unwrap();
        drop(left);
        assert_eq!(res.finish().await.unwrap(), "second");
        assert_eq!(third.await.unwrap().finish().await.unwrap(), "third");
    });
}

#[test]
fn same_name_shares_a_lock() {
    block_on(async {
        let named = |name| testing::middleware::<Lock>(json!({ "name": name })).unwrap();
        let (one, same, other) = (named("a"), named("a"), named("b"));
        let held = one.call(get("/"), async |_req| "").await.unwrap();
        assert!(at_once(&same).await.is_none());
        assert!(at_once(&other).await.is_some());
        assert!(at_once(&mounted()).await.is_some());
        drop(held);
        assert!(at_once(&same).await.is_some());
    });
}
