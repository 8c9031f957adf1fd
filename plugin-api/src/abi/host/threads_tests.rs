#![cfg(feature = "testing")]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::*;
use crate::abi::host::test_support::{app, over, poll, request};
use crate::testing::block_on;
use crate::{App, Context, Middleware, Next, Request, Response, Result};

/// Finds itself among the running handlers: in `init`, in a poll, in a task.
static SEEN: Mutex<Vec<(&str, Vec<u64>)>> = Mutex::new(Vec::new());

fn looking() -> Vec<u64> {
    let looking = running_handlers()
        .into_iter()
        .filter(|b| b.handler.handler == "looker");
    looking.map(|running| running.generation).collect()
}

fn look(when: &'static str) {
    let looking = looking();
    SEEN.lock().unwrap().push((when, looking));
}

struct Looker(Context);

impl App for Looker {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        look("init");
        Ok(Self(cx.clone()))
    }

    async fn call(&self, _req: Request) -> Result {
        look("call");
        let (done, end) = channel();
        self.0.spawn("looks", async move {
            look("task");
            done.send(()).unwrap();
        });
        end.recv().unwrap();
        Ok(Response::new(http::StatusCode::OK))
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        look("drop");
    }
}

#[test]
fn running_handler_is_listed_only_during_polls() {
    let node = app::<Looker>("looker", &Arc::default());
    let (request, _) = request("/", 7);
    block_on(node.call(request)).unwrap();
    // The task has sent its message, but its poll may not be over.
    while !looking().is_empty() {
        thread::yield_now();
    }
    drop(node);
    let seen = std::mem::take(&mut *SEEN.lock().unwrap());
    // The task runs on another thread, while the call that waits for it is on ours.
    let expected: [(&str, &[u64]); 4] = [
        ("init", &[]),
        ("call", &[7]),
        ("task", &[7, 7]),
        ("drop", &[]),
    ];
    assert_eq!(seen, expected.map(|(when, seen)| (when, seen.to_vec())));
}

/// Blocks until the test releases it.
struct Blocks;

static BLOCKED: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);

impl App for Blocks {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self)
    }

    async fn call(&self, _req: Request) -> Result {
        let (began, go_on) = BLOCKED.lock().unwrap().take().unwrap();
        began.send(()).unwrap();
        go_on.recv().unwrap();
        Ok(Response::new(http::StatusCode::OK))
    }
}

fn blockers() -> Vec<RunningHandler> {
    let all = running_handlers().into_iter();
    all.filter(|running| running.handler.handler == "blocks")
        .collect()
}

#[test]
fn poll_keeps_its_number_and_next_poll_gets_another() {
    let node = Arc::new(app::<Blocks>("blocks", &Arc::default()));
    let mut polls = Vec::new();
    let (calls, work) = channel::<()>();
    let blocked = thread::spawn(move || {
        for () in work {
            block_on(node.call(request("/", 7).0)).unwrap();
        }
    });
    for _ in 0..2 {
        let (began, begun) = channel();
        let (go_on, going) = channel();
        *BLOCKED.lock().unwrap() = Some((began, going));
        calls.send(()).unwrap();
        begun.recv_timeout(Duration::from_secs(5)).unwrap();
        let [first, again] = [blockers(), blockers()].map(|seen| (seen[0].thread, seen[0].poll));
        assert_eq!(first, again);
        polls.push(first);
        go_on.send(()).unwrap();
    }
    drop(calls);
    blocked.join().unwrap();
    assert_eq!(polls[0].0, polls[1].0, "the same thread");
    assert_ne!(polls[0].1, polls[1].1, "another poll");
    assert_eq!(blockers().len(), 0);
}

/// Is pending once if the path says so: before the layers below, or in the app.
struct Passes;

impl Middleware for Passes {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self)
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        if req.path() == "/outside" {
            once().await;
        }
        next.run(req).await
    }
}

struct Waits;

impl App for Waits {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self)
    }

    async fn call(&self, req: Request) -> Result {
        if req.path() != "/nowhere" {
            once().await;
        }
        Ok(Response::new(http::StatusCode::OK))
    }
}

async fn once() {
    let mut first = true;
    std::future::poll_fn(|_| match std::mem::take(&mut first) {
        true => std::task::Poll::Pending,
        false => std::task::Poll::Ready(()),
    })
    .await;
}

#[test]
fn pending_call_names_innermost_waiting_handler() {
    let failures = Arc::default();
    let node = over::<Passes>("passes", &failures, app::<Waits>("waits", &failures));
    for (path, waits) in [
        ("/inside", vec!["waits"]),
        ("/outside", vec!["passes", "waits"]),
        ("/nowhere", vec![]),
    ] {
        let mut call = node.call(request(path, 7).0);
        assert!(call.waiting_handler().is_none());
        for name in waits {
            assert!(poll(&mut call).is_pending());
            assert_eq!(call.waiting_handler().unwrap().handler, name, "{path}");
        }
        assert!(poll(&mut call).is_ready());
    }
    // The next poll starts without a waiting handler.
    assert!(record_poll(8, || ()).1.is_none());
}

#[test]
fn nested_poll_restores_outer_poll() {
    let failures = Arc::default();
    let node = app::<Waits>("waits", &failures);
    let ((), waits) = record_poll(7, || {
        let mut outer = node.call(request("/", 7).0);
        assert!(poll(&mut outer).is_pending());
        assert_eq!(generation(), 7);
        record_poll(8, || assert_eq!(generation(), 8));
        assert_eq!(generation(), 7);
    });
    assert!(waits.is_none(), "cleared by the nested poll");
    assert_eq!(generation(), 0);
}

#[test]
fn ended_thread_frees_its_record() {
    let count = || {
        lock_threads()
            .as_ref()
            .map_or(0, |threads| threads.all.len())
    };
    current();
    let before = count();
    for _ in 0..200 {
        thread::spawn(|| record_poll(1, || ())).join().unwrap();
    }
    // Other tests run at the same time.
    assert!(count() < before + 100, "{before} grew to {}", count());
}
