use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http_body_util::{BodyExt, StreamBody};
use proptest::prelude::*;
use stackup_plugin::body::{End, Rewrite};
use stackup_plugin::http::HeaderMap;
use stackup_plugin::testing::{self, block_on, post};
use stackup_plugin::{Body, Bytes, Error, Next, Request, Result};

fn chunks(chunks: &'static [&'static str]) -> Body {
    let mut chunks = chunks.iter().copied();
    Body::from_stream(Chunks(move || chunks.next().map(Ok::<_, Error>)))
}

/// A stream from a poll function.
struct Chunks<F>(F);

impl<F: FnMut() -> Option<Result<&'static str>> + Unpin> futures_core::Stream for Chunks<F> {
    type Item = Result<&'static str>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready((self.0)())
    }
}

fn read(body: Body) -> Vec<String> {
    block_on(async {
        let mut body = body;
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            frames.push(match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => String::from_utf8(data.to_vec()).unwrap(),
                Ok(Err(_)) => "trailers".to_owned(),
                Err(error) => format!("error {error}"),
            });
        }
        frames
    })
}

#[test]
fn empty_body_is_at_its_end() {
    for body in [
        Body::empty(),
        Body::default(),
        Body::from(""),
        Body::from(()),
    ] {
        assert!(body.is_end());
        assert_eq!(body.size_hint().exact(), Some(0));
        assert_eq!(read(body), [""; 0]);
    }
}

#[test]
fn full_body_knows_its_size() {
    for size in [1, 16 * 1024, 16 * 1024 + 1, 1 << 20] {
        let bytes = Bytes::from(vec![b'x'; size]);
        let body = Body::from(bytes.clone());
        assert_eq!(body.size_hint().exact(), Some(size as u64));
        assert!(!body.is_end());
        assert_eq!(block_on(body.collect(size)).unwrap().bytes, bytes);
    }
}

#[test]
fn large_body_is_not_copied() {
    let bytes = Bytes::from(vec![0; 100_000]);
    let read = block_on(Body::from(bytes.clone()).collect(100_000))
        .unwrap()
        .bytes;
    assert_eq!(read.as_ptr(), bytes.as_ptr());
}

#[test]
fn stream_yields_chunk_by_chunk() {
    let body = chunks(&["a", "b"]);
    assert_eq!(
        (body.size_hint().lower(), body.size_hint().upper()),
        (0, None)
    );
    assert_eq!(read(body), ["a", "b"]);
}

#[test]
fn failed_stream_ends() {
    let mut items = vec![Err(Error::msg("no more")), Ok("a")];
    let body = Body::from_stream(Chunks(move || items.pop()));
    assert_eq!(read(body), ["a", "error no more"]);
}

#[test]
fn stream_panic_is_error_with_location() {
    let mut body = Body::from_stream(Chunks(|| panic!("no stream")));
    let error = block_on(body.frame()).unwrap().unwrap_err();
    assert!(error.is_panic());
    assert_eq!(error.message(), "no stream");
    assert!(error.place().contains("bodies.rs:"), "{error:?}");
    assert!(block_on(body.frame()).is_none());
}

#[test]
fn foreign_body_converts_both_ways() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    let body = Body::new(
        http_body_util::Full::new(Bytes::from("a")).with_trailers(async { Some(Ok(trailers)) }),
    );
    let all = block_on(body.collect(10)).unwrap();
    assert_eq!(
        (&all.bytes[..], &all.trailers.unwrap()["x-sum"]),
        (
            &b"a"[..],
            &"1".parse::<stackup_plugin::HeaderValue>().unwrap()
        )
    );
    // And ours there.
    let ours = block_on(BodyExt::collect(Body::from("b"))).unwrap();
    assert_eq!(ours.to_bytes(), "b");
    let _ = StreamBody::new(());
}

#[test]
fn collect_over_limit_is_413() {
    for body in [Body::from("four"), chunks(&["fo", "ur"])] {
        let error = block_on(body.collect(3)).unwrap_err();
        assert_eq!(error.status(), 413);
        assert_eq!(
            error.message(),
            "the body is longer than the limit of 3 bytes"
        );
    }
    assert_eq!(
        block_on(chunks(&["fo", "ur"]).collect(4)).unwrap().bytes,
        "four"
    );
}

#[test]
fn map_chunks_passes_each_chunk_at_once() {
    block_on(async {
        let (mut sender, body) = Body::channel(1);
        let mut body = body.map_chunks(|chunk| chunk.to_ascii_uppercase().into());
        for text in ["a", "b"] {
            sender.send(text).await.unwrap();
            let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(data, text.to_uppercase());
        }
        drop(sender);
        assert!(body.frame().await.is_none());
    });
}

/// Holds one chunk back, and adds a signature at the end.
struct Late(Bytes);

impl Rewrite for Late {
    fn chunk(&mut self, chunk: Bytes) -> Result<Bytes> {
        if chunk == "bad" {
            return Err(Error::msg("bad chunk"));
        }
        Ok(std::mem::replace(&mut self.0, chunk))
    }

    fn end(&mut self) -> Result<Bytes> {
        Ok([&std::mem::take(&mut self.0)[..], b"!"].concat().into())
    }
}

#[test]
fn rewrite_adds_bytes_at_the_end() {
    let late = |body: Body| read(body.rewrite(Late(Bytes::new())));
    assert_eq!(late(chunks(&["a", "b"])), ["a", "b!"]);
    assert_eq!(late(Body::empty()), ["!"]);
    assert_eq!(late(chunks(&["a", "b", "bad"])), ["a", "error bad chunk"]);
    let (sender, body) = Body::channel(2);
    block_on(sender.finish(HeaderMap::new())).unwrap();
    assert_eq!(late(body), ["!", "trailers"]);
}

fn ends(body: Body, read: impl FnOnce(Body)) -> Vec<String> {
    let ends: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&ends);
    read(
        body.on_end(move |end: End<'_>, bytes| {
            seen.lock().unwrap().push(format!("{end:?} {bytes}"))
        }),
    );
    std::mem::take(&mut *ends.lock().unwrap())
}

#[test]
fn on_end_runs_once() {
    let all = |body| drop(read(body));
    assert_eq!(ends(chunks(&["ab", "c"]), all), ["Complete 3"]);
    assert_eq!(ends(Body::from("abc"), all), ["Complete 3"]);
    assert_eq!(ends(Body::empty(), drop), ["Complete 0"]);
    assert_eq!(ends(Body::from("abc"), drop), ["Dropped 0"]);
    let one = |mut body: Body| drop(block_on(body.frame()));
    assert_eq!(ends(chunks(&["ab", "c"]), one), ["Dropped 2"]);
    // Its length is known, so it is not polled again.
    assert_eq!(ends(Body::from("abc"), one), ["Complete 3"]);
    let [failed] = ends(
        Body::from_stream(Chunks(|| Some(Err(Error::msg("broken"))))),
        all,
    )
    .try_into()
    .unwrap();
    assert!(
        failed.starts_with("Failed(Error") && failed.ends_with(" 0"),
        "{failed}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn bytes_go_through_a_stack_unchanged(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(any::<u8>(), 16_000..17_000),
        prop::collection::vec(any::<u8>(), 100_000..100_001),
    ], streamed: bool) {
        async fn pass(mut req: Request, next: Next<'_>) -> Result {
            req.map_body(|body| body.map_chunks(|chunk| chunk));
            let mut res = next.run(req).await?;
            res.map_body(|body| body.on_end(|_, _| ()));
            Ok(res)
        }
        let echo = testing::app_fn(async |mut req: Request| req.take_body()).unwrap();
        let pass = || testing::middleware_fn(pass).unwrap();
        let bytes = Bytes::from(bytes);
        let sent = match streamed {
            true => {
                let (mut sender, body) = Body::channel(2);
                block_on(sender.send(bytes.slice(..bytes.len() / 2))).unwrap();
                block_on(sender.send(bytes.slice(bytes.len() / 2..))).unwrap();
                body
            }
            false => Body::from(bytes.clone()),
        };
        let back = block_on(async {
            let mut res = pass().over(pass()).over(echo).answer(post("/", sent)).await?;
            res.take_body().collect(1 << 20).await
        });
        prop_assert_eq!(back.unwrap().bytes, bytes);
    }
}
