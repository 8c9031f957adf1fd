use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use stackup_plugin::testing::{self, Mounted, block_on, get};
use stackup_plugin::{Next, Request, Result};

fn pass() -> Mounted {
    async fn pass(req: Request, next: Next<'_>) -> Result {
        next.run(req).await
    }
    testing::middleware_fn(pass).unwrap()
}

#[test]
fn dropped_call_drops_innermost_future() {
    struct Tell(Arc<AtomicBool>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let tell = Tell(Arc::clone(&dropped));
    let stack = pass().over(pass()).over(pass());
    {
        let never = async move |_req: Request| {
            let _tell = tell;
            std::future::pending::<()>().await;
        };
        let mut call = pin!(stack.call(get("/"), never));
        assert!(
            call.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        assert!(!dropped.load(Ordering::SeqCst));
    }
    assert!(dropped.load(Ordering::SeqCst));
}

#[test]
fn wake_from_another_thread_reaches_the_top() {
    let stack = pass().over(pass()).over(pass());
    let woken = async |_req: Request| {
        let mut polls = 0;
        std::future::poll_fn(|cx| {
            polls += 1;
            if polls > 5 {
                return Poll::Ready(());
            }
            // Each clone outlives the poll that lent it.
            let waker = cx.waker().clone();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(1));
                let again = waker.clone();
                drop(waker);
                again.wake();
            });
            Poll::Pending
        })
        .await;
        polls.to_string()
    };
    let text = block_on(async { stack.call(get("/"), woken).await?.finish().await });
    assert_eq!(text.unwrap(), "6");
}

#[test]
fn middleware_may_answer_without_next() {
    async fn closed(_req: Request, _next: Next<'_>) -> &'static str {
        "closed"
    }
    let stack = testing::middleware_fn(closed).unwrap();
    let below = async |_req: Request| panic!("nobody asked");
    let text = block_on(async {
        #[allow(unreachable_code)]
        stack
            .call(get("/"), async move |req| {
                below(req).await;
            })
            .await?
            .finish()
            .await
    });
    assert_eq!(text.unwrap(), "closed");
}
