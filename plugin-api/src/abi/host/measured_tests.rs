#![cfg(feature = "testing")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use super::super::test_support::{RecordedFailures, app, over, poll, request};
use super::*;
use crate::{App, Context, IntoResponse, Middleware, Next, Request, Result};

/// Each reading of the clock is one later.
static CLOCK: AtomicU64 = AtomicU64::new(0);

/// Records each call's end: its length, the length of those below, and how.
#[derive(Default)]
struct Recorded(Mutex<Vec<(u64, u64, String)>>);

impl CallMeter for Recorded {
    fn begin(&self, _request: &mut HostRequest) -> CallStart {
        CallStart {
            time: CLOCK.fetch_add(1, Ordering::Relaxed),
            is_head: false,
        }
    }

    fn end(&self, start: CallStart, below: u64, end: CallEnd<'_>) -> u64 {
        let took = CLOCK.fetch_add(1, Ordering::Relaxed) - start.time;
        let how = match end {
            CallEnd::Response(response) => response.status().as_str().to_owned(),
            CallEnd::Failure(failure) => format!("{} {}", failure.handler, failure.message),
            CallEnd::Canceled => "canceled".to_owned(),
        };
        self.0.lock().unwrap().push((took, below, how));
        took
    }
}

impl Recorded {
    fn take(&self) -> Vec<(u64, u64, String)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn measured(node: Node, meter: &Arc<Recorded>) -> Node {
    let meter = Arc::clone(meter) as _;
    Node::Measured(Box::new(MeasuredNode { node, meter }))
}

/// Answers with its path; `/fail` and `/panic` do what they say, `/wait` waits once, `/hang` for ever.
struct Answers;

impl App for Answers {
    type Config = ();

    fn init((): (), _: &Context) -> Result<Self> {
        Ok(Self)
    }

    async fn call(&self, req: Request) -> Result {
        match req.path() {
            "/fail" => return Err("failed".into()),
            "/panic" => panic!("boom"),
            "/hang" => std::future::pending::<()>().await,
            "/wait" => {
                let mut waited = false;
                std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                })
                .await;
            }
            _ => {}
        }
        "answered".into_response()
    }
}

/// Asks what is below twice.
struct Twice;

impl Middleware for Twice {
    type Config = ();

    fn init((): (), _: &Context) -> Result<Self> {
        Ok(Self)
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let again = next.again();
        let fork = req.fork();
        next.run(req).await?;
        again.run(fork).await
    }
}

/// What a call comes to that two handlers below may have wait.
fn outcome(stack: &Node, path: &str) -> Poll<bool> {
    let (request, _) = request(path, 1);
    let mut call = stack.call(request);
    let polls = (0..3).map(|_| poll(&mut call));
    let mut ended = polls.skip_while(Poll::is_pending);
    let outcome = ended.next().unwrap_or(Poll::Pending);
    outcome.map(|outcome| outcome.is_ok())
}

#[test]
fn call_knows_the_time_of_measured_calls_below() {
    let failures = Arc::<RecordedFailures>::default();
    let (outer, inner) = (Arc::<Recorded>::default(), Arc::<Recorded>::default());
    let answers = measured(app::<Answers>("answers", &failures), &inner);
    let stack = measured(over::<Twice>("twice", &failures, answers), &outer);
    for path in ["/", "/wait"] {
        assert_eq!(outcome(&stack, path), Poll::Ready(true));
        let below: Vec<_> = inner.take();
        assert_eq!(below.len(), 2);
        let below = below.iter().map(|(took, own, _)| took - own).sum();
        let all = outer.take();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].1, below, "{all:?}");
        assert!(all[0].0 > below && all[0].2 == "200", "{all:?}");
    }
}

#[test]
fn canceled_call_was_below_the_one_that_made_it() {
    let failures = Arc::<RecordedFailures>::default();
    let (outer, inner) = (Arc::<Recorded>::default(), Arc::<Recorded>::default());
    let answers = measured(app::<Answers>("answers", &failures), &inner);
    let stack = measured(over::<Twice>("twice", &failures, answers), &outer);
    assert_eq!(outcome(&stack, "/hang"), Poll::Pending);
    let (below, all) = (inner.take(), outer.take());
    assert_eq!((below.len(), all.len()), (1, 1));
    assert_eq!(all[0].1, below[0].0);
}

#[test]
fn failures_panics_and_canceled_calls_end_once() {
    let failures = Arc::<RecordedFailures>::default();
    let meter = Arc::<Recorded>::default();
    let stack = measured(app::<Answers>("answers", &failures), &meter);
    let how = |path| {
        let ended = outcome(&stack, path);
        let ends = meter.take();
        assert_eq!(ends.len(), 1);
        (ended, ends.into_iter().next().unwrap().2)
    };
    let failed = Poll::Ready(false);
    assert_eq!(how("/fail"), (failed, "answers failed".to_owned()));
    assert_eq!(how("/panic"), (failed, "answers boom".to_owned()));
    assert_eq!(how("/hang"), (Poll::Pending, "canceled".to_owned()));
}
