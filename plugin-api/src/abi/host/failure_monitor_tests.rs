#![cfg(feature = "testing")]

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use http::StatusCode;
use http_body::Body as _;

use crate::abi::host::test_support::{RecordedFailures, app, bypassed, over, poll, request};
use crate::abi::host::{Failure, Finish, Node};
use crate::testing::block_on;
use crate::{App, Body, Context, Middleware, Next, Request, Response, Result};

/// Panics where the path says.
struct Panics(Context);

impl App for Panics {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        Ok(Self(cx.clone()))
    }

    async fn call(&self, mut req: Request) -> Result {
        let mut response = Response::new(StatusCode::OK);
        match req.path() {
            "/call" => panic!("call"),
            "/body" => response.set_body(Body::from_stream(Frames(None))),
            "/body-drop" => {
                response.set_body(Body::from_stream(Frames(Some(Bomb("body drop")))));
            }
            "/hook" => req.on_finished(|_| panic!("hook")),
            "/hook-drop" => {
                let bomb = Bomb("hook drop");
                req.on_finished(move |_| drop(bomb));
            }
            "/task" => drop(self.0.spawn("panics", async { panic!("task") })),
            "/cancelled" => {
                let _bomb = Bomb("cancelled");
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        Ok(response)
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("handler drop");
    }
}

struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

/// A body that panics when it is read or, with a bomb, when it is dropped.
struct Frames(Option<Bomb>);

impl futures_core::Stream for Frames {
    type Item = std::result::Result<&'static str, std::io::Error>;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        assert!(self.0.is_some(), "body");
        Poll::Ready(None)
    }
}

struct Passes;

impl Middleware for Passes {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self)
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        next.run(req).await
    }
}

/// Sends a request down, reads the response and ends the exchange, except where the path says otherwise.
fn send(node: &Node, path: &str) -> Result<StatusCode, Failure> {
    let (request, exchange) = request(path, 7);
    let mut call = node.call(request);
    if path == "/cancelled" {
        assert!(poll(&mut call).is_pending());
        return Ok(StatusCode::OK);
    }
    let (status, headers, mut body) = block_on(call)?.into_parts();
    if path != "/body-drop" {
        let _ = block_on(std::future::poll_fn(|cx| {
            Pin::new(&mut body).poll_frame(cx)
        }));
    }
    if path != "/hook-drop" {
        exchange.finish(&Finish {
            head: Some((status, &headers)),
            error: None,
            body_bytes: 0,
        });
    }
    Ok(status)
}

#[test]
fn contained_panic_is_recorded_once_for_its_own_handler() {
    let (outer, inner) = (
        Arc::<RecordedFailures>::default(),
        Arc::<RecordedFailures>::default(),
    );
    let node = over::<Passes>("passes", &outer, app::<Panics>("panics", &inner));
    let cases = [
        ("/call", "call"),
        ("/cancelled", "cancelled"),
        ("/body", "body"),
        ("/body-drop", "body drop"),
        ("/hook", "hook"),
        ("/hook-drop", "hook drop"),
        ("/task", "task"),
    ];
    for (path, message) in cases {
        let _ = send(&node, path);
        assert_eq!(inner.take(), [message], "{path}");
    }
    drop(node);
    assert_eq!(inner.take(), ["handler drop"]);
    assert_eq!(outer.now(), [""; 0]);
}

#[test]
fn handler_out_of_service_gets_no_request() {
    let failures = RecordedFailures::strict();
    let node = app::<Panics>("panics", &failures);
    assert_eq!(send(&node, "/").unwrap(), 200);
    assert_eq!(send(&node, "/call").unwrap_err().status, 500);
    let failure = send(&node, "/").unwrap_err();
    assert_eq!(failure.status, 503);
    assert_eq!(failure.handler, "panics");
    assert!(failure.message.contains("out of service"), "{failure}");
    // An app is not bypassed: there is nothing below it.
    assert_eq!(send(&bypassed(node), "/").unwrap_err().status, 503);
    failures.take();
}

/// Panics on one path, before the layers below.
struct Fails;

impl Middleware for Fails {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self)
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        assert_ne!(req.path(), "/fails");
        next.run(req).await
    }
}

#[test]
fn middleware_out_of_service_is_bypassed_only_if_configured() {
    let strict = RecordedFailures::strict();
    let below = app::<Panics>("below", &Arc::default());
    let node = over::<Fails>("fails", &strict, below);
    assert_eq!(send(&node, "/").unwrap(), 200);
    assert_eq!(send(&node, "/fails").unwrap_err().status, 500);
    let failure = send(&node, "/").unwrap_err();
    assert_eq!(
        (failure.status.as_u16(), failure.handler.as_str()),
        (503, "fails")
    );
    let node = bypassed(node);
    assert_eq!(send(&node, "/fails").unwrap(), 200);
}
