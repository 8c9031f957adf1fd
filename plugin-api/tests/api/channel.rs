use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use stackup_plugin::body::Gone;
use stackup_plugin::http::HeaderMap;
use stackup_plugin::testing::block_on;
use stackup_plugin::{Body, Error};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (Arc::clone(&count), Waker::from(count))
}

#[test]
fn full_channel_blocks_sender() {
    let (mut sender, mut body) = Body::channel(2);
    block_on(sender.send("a")).unwrap();
    block_on(sender.send("b")).unwrap();
    let (woken, waker) = counter();
    let mut third = pin!(sender.send("c"));
    assert!(
        third
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let first = block_on(body.frame())
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap();
    assert_eq!(first, "a");
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(
        third.as_mut().poll(&mut Context::from_waker(&waker)),
        Poll::Ready(Ok(()))
    );
}

#[test]
fn capacity_zero_means_one() {
    let (mut sender, _body) = Body::channel(0);
    block_on(sender.send("a")).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(sender.send("b")).poll(&mut cx).is_pending());
}

#[test]
fn dropped_reader_fails_sender() {
    let (mut sender, body) = Body::channel(1);
    block_on(sender.send("a")).unwrap();
    let (woken, waker) = counter();
    let mut waiting = Box::pin(sender.send("b"));
    assert!(
        waiting
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(body);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(block_on(waiting), Err(Gone));
    assert_eq!(block_on(sender.finish(HeaderMap::new())), Err(Gone));
}

#[test]
fn reader_wakes_from_another_thread() {
    let (mut sender, body) = Body::channel(1);
    let writer = std::thread::spawn(move || {
        for _ in 0..1000 {
            block_on(sender.send("ab")).unwrap();
        }
    });
    assert_eq!(
        block_on(body.collect(usize::MAX)).unwrap().bytes.len(),
        2000
    );
    writer.join().unwrap();
}

#[test]
fn channel_ends_with_trailers_error_or_drop() {
    let (sender, body) = Body::channel(1);
    drop(sender);
    assert!(body.is_end());

    let (sender, body) = Body::channel(1);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-a", "1".parse().unwrap());
    block_on(sender.finish(trailers.clone())).unwrap();
    assert_eq!(block_on(body.collect(1)).unwrap().trailers, Some(trailers));

    let (sender, body) = Body::channel(1);
    sender.fail(Error::msg("lost"));
    assert_eq!(block_on(body.collect(1)).unwrap_err().message(), "lost");
}

#[test]
fn panicking_sender_fails_body() {
    let (mut sender, body) = Body::channel(2);
    let panicked = std::thread::spawn(move || {
        block_on(sender.send("half")).unwrap();
        std::panic::resume_unwind(Box::new(()));
    });
    panicked.join().unwrap_err();
    let error = block_on(body.collect(10)).unwrap_err();
    assert_eq!(error.message(), "the sender of this body panicked");
}
