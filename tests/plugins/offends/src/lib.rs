//! A middleware and an app that break the rules of SPEC.md, one at a time: the query says which one breaks which rule
//! (`layer=` or `app=`).

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::{Context as Cx, Poll};
use std::time::Duration;

use stackup_plugin::http::HeaderMap;
use stackup_plugin::http_body::{Body as HttpBody, Frame, SizeHint};
use stackup_plugin::{
    Body, Bytes, Error, IntoResponse, Next, Request, Response, Result, StatusCode, Uri,
};

/// Longer than the time by which lint is more patient than the watchdog.
const REST: Duration = Duration::from_millis(200);

/// Blocks this thread until the test opens the gate, a named pipe in the site, and a little longer.
fn block() -> Result<()> {
    std::fs::read("gate")?;
    std::thread::sleep(REST);
    Ok(())
}

/// The part of the query for this handler.
fn asked(req: &Request, handler: &str) -> String {
    let mut pairs = req
        .query()
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let value = pairs.find(|(key, _)| *key == handler);
    value.map_or(String::new(), |(_, value)| value.to_owned())
}

async fn layer(mut req: Request, next: Next<'_>) -> Result {
    let asked = asked(&req, "layer");
    match &*asked {
        "no-path" => req.set_path_info("")?,
        "star" => {
            // `*` has no query.
            req.set_uri(&Uri::from_static("/"))?;
            req.set_path_info("*")?;
        }
        // Reads the body, and keeps it.
        "takes" => drop(req.take_body().collect(1 << 20).await?),
        // `claims` leaves a string there.
        "claims" => req.put("claims", &BTreeMap::from([("sub", 7)]))?,
        _ => {}
    }
    let mut res = next.run(req).await?;
    match &*asked {
        "holds" => {
            let body = res.take_body().collect(1 << 20).await?;
            res.set_body(body.bytes);
        }
        "longer" => res.map_body(|body| body.prepend([Bytes::from_static(b"longer ")])),
        "changes" => {
            res.map_body(|body| body.map_chunks(|chunk| chunk.to_ascii_uppercase().into()))
        }
        "no-content" => res.set_status(StatusCode::NO_CONTENT),
        "framing" => res.headers_mut().insert("transfer-encoding", "chunked")?,
        _ => {}
    }
    Ok(res)
}

/// A layer whose claims are the right ones, for the other to differ from.
async fn claims(mut req: Request, next: Next<'_>) -> Result {
    req.put("claims", &BTreeMap::from([("sub", "ada")]))?;
    next.run(req).await
}

async fn app(mut req: Request) -> Result {
    let with = |name: &str, value: &str| ([(name, value)], "hello").into_response();
    Ok(match &*asked(&req, "app") {
        "early-hints" => StatusCode::from_u16(103)?.into_response()?,
        "framing" => with("transfer-encoding", "chunked")?,
        "keep-alive" => with("keep-alive", "timeout=5")?,
        "no-number" => with("content-length", "five")?,
        "too-long" => with("content-length", "4")?,
        "too-short" => streamed(2, 5).with_header("content-length", "11")?,
        "length" => with("content-length", "5")?,
        "tag" => with("etag", "\"a\"")?,
        "stream" => streamed(20, 1000),
        "body" => {
            let mut res = Response::new(StatusCode::NOT_MODIFIED);
            res.set_body("a body all the same");
            res
        }
        "type" => StatusCode::NO_CONTENT
            .into_response()?
            .with_header("content-type", "text/plain")?,
        // Claims three bytes and has two.
        "size" => Scripted::answer(Some(3), [data("ab")]),
        // Continues after its trailers.
        "goes-on" => {
            let trailers = Frame::trailers(HeaderMap::new());
            Scripted::answer(None, [data("more"), trailers, data("more")])
        }
        "blocks" => {
            block()?;
            "blocked".into_response()?
        }
        "body-blocks" => {
            let mut res = streamed(1, 5);
            res.map_body(|body| {
                body.map_chunks(|chunk| {
                    // A body has no other way to fail than to be short.
                    block().map_or(Bytes::new(), |()| chunk)
                })
            });
            res
        }
        _ => {
            let body = req.take_body().collect(1 << 20).await?;
            body.bytes.into_response()?
        }
    })
}

/// A body of this many chunks of this size, of unknown length.
fn streamed(chunks: usize, bytes: usize) -> Response {
    let chunk = Bytes::from(vec![b'x'; bytes]);
    let body = Body::empty().prepend(vec![chunk; chunks]);
    let mut res = Response::new(StatusCode::OK);
    res.set_body(body.map_chunks(|chunk| chunk));
    res
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// A body of these frames, valid or not.
struct Scripted {
    frames: VecDeque<Frame<Bytes>>,
    /// The size hint before the first frame.
    size: Option<u64>,
}

impl Scripted {
    fn answer(size: Option<u64>, frames: impl Into<VecDeque<Frame<Bytes>>>) -> Response {
        let frames = frames.into();
        let mut res = Response::new(StatusCode::OK);
        res.set_body(Body::new(Self { frames, size }));
        res
    }
}

impl HttpBody for Scripted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Cx<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.size = self.size.map(|_| 0);
        Poll::Ready(self.frames.pop_front().map(Ok))
    }

    fn size_hint(&self) -> SizeHint {
        self.size
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

stackup_plugin::export!(middleware fn layer, middleware fn claims, app fn app);
