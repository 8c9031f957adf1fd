use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use stackup_plugin::body::Gone;
use stackup_plugin::events::{EventSender, Sse};
use stackup_plugin::testing::{self, Mounted, TestRequest, block_on, get, json};
use stackup_plugin::{App, Body, Context as HandlerContext, IntoResponse, Request, Result};

/// An app that answers with these events, and its answer's body.
async fn answered<R>(
    request: TestRequest,
    run: impl Fn(EventSender) -> R + Send + Sync + 'static,
    with: impl Fn(Sse) -> Sse + Send + Sync + 'static,
) -> (Mounted, Body)
where
    R: Future<Output = Result<()>> + Send + 'static,
{
    let app = move |req: Request| std::future::ready(with(req.events(&run)));
    let app = testing::app_fn(app).unwrap();
    let mut res = app.answer(request).await.unwrap();
    let body = res.take_body();
    (app, body)
}

/// The next frame as text; none at the end.
async fn text(body: &mut Body) -> Option<Result<String>> {
    let frame = body.frame().await?;
    let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    Some(frame.map(|frame| text(frame.into_data().unwrap())))
}

async fn next(body: &mut Body) -> String {
    text(body).await.expect("a frame").expect("no error")
}

#[test]
fn last_event_id_is_text_that_is_not_empty() {
    let app = testing::app_fn(async |req: Request| format!("{:?}", req.last_event_id())).unwrap();
    let id = |value: Option<&str>| {
        let request = value
            .iter()
            .fold(get("/"), |req, value| req.header("last-event-id", value));
        block_on(async { app.answer(request).await.unwrap().finish().await.unwrap() })
    };
    assert_eq!(id(None), "None");
    assert_eq!(id(Some("")), "None");
    assert_eq!(id(Some("42")), "Some(\"42\")");
    // Browsers send UTF-8 (HTML §9.2.4).
    assert_eq!(id(Some("ü")), "Some(\"ü\")");
}

#[test]
fn response_has_the_headers_of_a_stream_and_begins_with_retry() {
    let none = |req: Request| {
        let none = req
            .events(async |_| Ok(()))
            .retry(Duration::from_millis(1500));
        std::future::ready(([("cache-control", "no-cache")], none))
    };
    block_on(async {
        let app = testing::app_fn(none).unwrap();
        let res = app.answer(get("/")).await.unwrap();
        let headers = [
            ("content-type", "text/event-stream"),
            ("x-accel-buffering", "no"),
            ("cache-control", "no-cache"),
        ];
        for (name, value) in headers {
            assert_eq!(res.header(name), Some(value), "{name}");
        }
        assert_eq!(res.finish().await.unwrap(), "retry: 1500\n\n");
        let app = testing::app_fn(async |req: Request| req.events(async |_| Ok(()))).unwrap();
        let res = app.answer(get("/")).await.unwrap();
        assert_eq!(res.header("cache-control"), Some("no-store"));
        assert_eq!(res.finish().await.unwrap(), "");
    });
}

#[stackup_plugin::config]
struct Silence {
    /// Seconds; 0 for never.
    keep_alive: Option<u64>,
}

/// Sends an event after each of these silences, in seconds, and then none.
struct Seldom(HandlerContext, Option<u64>);

impl App for Seldom {
    type Config = Silence;

    fn init(config: Silence, cx: &HandlerContext) -> Result<Self> {
        Ok(Self(cx.clone(), config.keep_alive))
    }

    async fn call(&self, req: Request) -> Result {
        let cx = self.0.clone();
        let sse = req.events(|mut events| async move {
            for silence in [10, 5, 20] {
                cx.sleep(Duration::from_secs(silence)).await;
                events.send("event").await?;
            }
            pending().await
        });
        match self.1 {
            None => sse,
            Some(0) => sse.keep_alive(Duration::MAX),
            Some(seconds) => sse.keep_alive(Duration::from_secs(seconds)),
        }
        .into_response()
    }
}

#[test]
fn silent_stream_says_something_from_time_to_time() {
    let event = "data: event\n\n";
    let silence = ":\n\n";
    let cases: [(_, &[_]); 3] = [
        // 15 seconds.
        (
            None,
            &[
                (10, event),
                (15, event),
                (30, silence),
                (35, event),
                (50, silence),
                (65, silence),
            ],
        ),
        (
            Some(18),
            &[
                (10, event),
                (15, event),
                (33, silence),
                (35, event),
                (53, silence),
            ],
        ),
        (Some(0), &[(10, event), (15, event), (35, event)]),
    ];
    for (keep_alive, expected) in cases {
        let clock = testing::clock();
        let app = testing::app::<Seldom>(json!({ "keep_alive": keep_alive })).unwrap();
        clock.run(async {
            let mut body = app.answer(get("/")).await.unwrap().take_body();
            for (second, frame) in expected {
                assert_eq!(next(&mut body).await, *frame);
                assert_eq!(clock.elapsed(), Duration::from_secs(*second));
            }
        });
    }
}

#[test]
fn sender_goes_no_further_than_the_client() {
    let begun = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&begun);
    let run = move |mut events: EventSender| {
        let counts = Arc::clone(&counts);
        async move {
            loop {
                let number = counts.fetch_add(1, Ordering::SeqCst) + 1;
                events.send(number.to_string()).await?;
            }
        }
    };
    block_on(async {
        let (_app, mut body) = answered(get("/"), run, |sse| sse).await;
        assert_eq!(begun.load(Ordering::SeqCst), 0, "nobody reads");
        for number in 1..=3 {
            assert_eq!(next(&mut body).await, format!("data: {number}\n\n"));
            assert_eq!(
                begun.load(Ordering::SeqCst),
                number + 1,
                "the next one waits"
            );
        }
    });
}

#[test]
fn deadline_ends_the_stream_after_one_last_event() {
    let app = |req: Request| {
        let draining = req.draining();
        std::future::ready(req.events(|mut events| async move {
            events.send("first").await?;
            draining.await;
            events.send("last").await?;
            events.send("too late").await?;
            Ok(())
        }))
    };
    block_on(async {
        let app = testing::app_fn(app).unwrap();
        let mut body = app.answer(get("/")).await.unwrap().take_body();
        assert_eq!(next(&mut body).await, "data: first\n\n");
        app.drain();
        assert_eq!(next(&mut body).await, "data: last\n\n");
        assert!(text(&mut body).await.is_none());
    });
}

#[test]
fn deadline_ends_a_stream_that_always_has_an_event_and_one_that_has_none() {
    block_on(async {
        let busy = async |mut events: EventSender| {
            loop {
                events.send("again").await?;
            }
        };
        let (app, mut body) = answered(get("/"), busy, |sse| sse).await;
        next(&mut body).await;
        app.drain();
        let rest = body.collect(100).await.unwrap().bytes;
        assert!(rest.len() <= "data: again\n\n".len(), "{rest:?}");

        let (app, mut body) = answered(get("/"), async |_| pending().await, |sse| sse).await;
        let mut frame = Box::pin(text(&mut body));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(frame.as_mut().poll(&mut cx).is_pending());
        app.drain();
        assert!(frame.await.is_none());
    });
}

#[test]
fn error_cuts_the_stream_after_what_was_sent() {
    let run = async |mut events: EventSender| {
        events.send("one").await?;
        Err("the source is gone".into())
    };
    block_on(async {
        let (_app, mut body) = answered(get("/"), run, |sse| sse).await;
        assert_eq!(next(&mut body).await, "data: one\n\n");
        let error = text(&mut body).await.unwrap().unwrap_err();
        assert!(error.to_string().contains("the source is gone"), "{error}");
        assert!(text(&mut body).await.is_none());
    });
}

/// Counts its drop.
struct Dropped(Arc<AtomicU64>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn client_that_leaves_ends_what_sends() {
    let dropped = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&dropped);
    let run = move |mut events: EventSender| {
        let guard = Dropped(Arc::clone(&counts));
        async move {
            let _guard = guard;
            events.send("one").await?;
            pending().await
        }
    };
    block_on(async {
        let (_app, mut body) = answered(get("/"), run, |sse| sse).await;
        next(&mut body).await;
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        drop(body);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn task_may_send_until_the_stream_ends() {
    let (gives, gets) = std::sync::mpsc::channel();
    let run = move |events: EventSender| {
        gives.send(events).unwrap();
        async { pending().await }
    };
    block_on(async {
        let (app, mut body) = answered(get("/"), run, |sse| sse).await;
        let mut events = gets.recv().unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(body.poll_frame(&mut cx).is_pending());
        events.send("from elsewhere").await.unwrap();
        let frame = next(&mut body).await;
        assert_eq!(frame, "data: from elsewhere\n\n");
        app.drain();
        assert!(text(&mut body).await.is_none());
        drop(body);
        assert_eq!(events.send("late").await, Err(Gone));
    });
}
