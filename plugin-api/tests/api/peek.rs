use std::pin::Pin;
use std::task::{Context, Poll};

use stackup_plugin::http_body::{Body as HttpBody, Frame, SizeHint};
use stackup_plugin::testing::block_on;
use stackup_plugin::{Body, Bytes, Error, Response, StatusCode};

/// All chunks of a body, to its end.
fn chunks(mut body: Body) -> Vec<String> {
    block_on(async {
        let mut chunks = Vec::new();
        while let Some(frame) = body.frame().await {
            chunks.push(match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => String::from_utf8(data.to_vec()).unwrap(),
                Ok(Err(_)) => "trailers".to_owned(),
                Err(error) => format!("error {error}"),
            });
        }
        chunks
    })
}

/// A body of known length with these chunks; `None` is a pending poll.
struct Known(Vec<Option<Result<&'static str, Error>>>, u64);

impl HttpBody for Known {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = |text: &'static str| Frame::data(text.into());
        match (!self.0.is_empty()).then(|| self.0.remove(0)) {
            Some(None) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Some(chunk)) => Poll::Ready(Some(chunk.map(frame))),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.1)
    }
}

#[test]
fn available_chunk_is_returned_at_once() {
    assert_eq!(Body::empty().into_bytes().unwrap(), "");
    assert_eq!(Body::from("all").into_bytes().unwrap(), "all");
    let large = Bytes::from(vec![b'x'; 100_000]);
    assert_eq!(Body::from(large.clone()).into_bytes().unwrap(), large);
    let one = Body::new(Known(vec![Some(Ok("abc"))], 3));
    assert_eq!(one.into_bytes().unwrap(), "abc");
}

#[test]
fn streaming_body_is_returned_unchanged() {
    let two = Body::new(Known(vec![Some(Ok("ab")), None, Some(Ok("c"))], 3));
    let two = two.into_bytes().unwrap_err();
    assert_eq!(two.size_hint().exact(), Some(5), "the rest says 3 still");
    assert_eq!(chunks(two), ["ab", "c"]);
    let waits = Body::new(Known(vec![None, Some(Ok("abc"))], 3));
    assert_eq!(chunks(waits.into_bytes().unwrap_err()), ["abc"]);
    let fails = Body::new(Known(vec![Some(Err(Error::msg("no")))], 3));
    assert_eq!(chunks(fails.into_bytes().unwrap_err()), ["error no"]);
    let late = Body::new(Known(vec![Some(Ok("abc")), None], 3));
    assert_eq!(chunks(late.into_bytes().unwrap_err()), ["abc"]);
    // Nothing is read of a body that does not know its length.
    let (mut sender, body) = Body::channel(1);
    block_on(sender.send("a")).unwrap();
    let body = body.into_bytes().unwrap_err();
    drop(sender);
    assert_eq!(chunks(body), ["a"]);
}

#[test]
fn trailers_are_kept() {
    let (sender, body) = Body::channel(1);
    block_on(sender.finish(Default::default())).unwrap();
    assert_eq!(chunks(body.into_bytes().unwrap_err()), ["trailers"]);
}

#[test]
fn prepended_chunks_come_first() {
    let body = Body::from("rest").prepend(["a".into(), "b".into()]);
    assert_eq!(body.size_hint().exact(), Some(6));
    assert!(!body.is_end());
    assert_eq!(chunks(body), ["a", "b", "rest"]);
    assert!(Body::empty().prepend([]).is_end());
    let (_sender, open) = Body::channel(1);
    assert_eq!(open.prepend(["a".into()]).size_hint().upper(), None);
}

#[test]
fn weights_parse() {
    let mut res = Response::new(StatusCode::OK);
    let mut headers = res.headers_mut();
    headers
        .append("accept", "a/b;x=1 ; Q=0.5, c/d, ,e;q=2,f;q=0")
        .unwrap();
    headers.append("accept", " *;q=0.125;ext , q=1").unwrap();
    let all = |most| {
        let members = res.headers().weighted("accept", most);
        let pairs = members.into_iter().map(|w| (w.value, w.quality));
        pairs.collect::<Vec<_>>()
    };
    let first = [("a/b;x=1", 500), ("c/d", 1000)];
    assert_eq!(all(2), first);
    assert_eq!(all(9)[2..], [("f", 0), ("*", 125)]);
}
