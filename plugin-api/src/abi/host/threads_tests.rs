#![cfg(feature = "testing")]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::*;
use crate::abi::host::test_support::{app, over, poll, request};
use crate::testing::block_on;
use crate::{App, Context, Middleware, Next, Request, Response, Result};

/// What an app finds in `busy` of itself: in `init`, in a poll, in a task.
static SEEN: Mutex<Vec<(&str, Vec<u64>)>> = Mutex::new(Vec::new());

fn looking() -> Vec<u64> {
    let looking = busy().into_iter().filter(|b| b.handler.handler == "looker");
    looking.map(|busy| busy.generation).collect()
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
fn polls_are_seen_with_their_generation_and_nothing_else() {
    let node = app::<Looker>("looker", &Arc::default());
    let (request, _) = request("/", 7);
    block_on(node.call(request)).unwrap();
    // The task has said its last, but its poll may not be over.
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

/// Blocks until it is told to go on.
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

fn blockers() -> Vec<Busy> {
    let all = busy().into_iter();
    all.filter(|busy| busy.handler.handler == "blocks")
        .collect()
}

#[test]
fn one_poll_stays_one_for_an_onlooker_and_the_next_is_another() {
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

/// Waits once where the path says so: before what is below, or in the app.
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
fn a_call_knows_the_innermost_handler_that_it_waits_in() {
    let told = Arc::default();
    let node = over::<Passes>("passes", &told, app::<Waits>("waits", &told));
    for (path, waits) in [
        ("/inside", vec!["waits"]),
        ("/outside", vec!["passes", "waits"]),
        ("/nowhere", vec![]),
    ] {
        let mut call = node.call(request(path, 7).0);
        assert!(call.waits_in().is_none());
        for name in waits {
            assert!(poll(&mut call).is_pending());
            assert_eq!(call.waits_in().unwrap().handler, name, "{path}");
        }
        assert!(poll(&mut call).is_ready());
    }
    // What waited in one poll is of no concern to the next.
    assert!(polling(8, || ()).1.is_none());
}

#[test]
fn a_poll_within_another_leaves_it_as_it_was() {
    let told = Arc::default();
    let node = app::<Waits>("waits", &told);
    let ((), waits) = polling(7, || {
        let mut outer = node.call(request("/", 7).0);
        assert!(poll(&mut outer).is_pending());
        assert_eq!(generation(), 7);
        polling(8, || assert_eq!(generation(), 8));
        assert_eq!(generation(), 7);
    });
    assert!(waits.is_none(), "that was another poll's");
    assert_eq!(generation(), 0);
}

#[test]
fn threads_that_have_ended_leave_their_note_to_others() {
    let count = || notes().as_ref().map_or(0, |notes| notes.all.len());
    here();
    let before = count();
    for _ in 0..200 {
        thread::spawn(|| polling(1, || ())).join().unwrap();
    }
    // Other tests run at the same time.
    assert!(count() < before + 100, "{before} grew to {}", count());
}
