//! Good and bad layers, one above the other, without a stack.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use stackup_plugin::abi::host::{Exchange, Failure, HostBody, HostRequest, HostResponse, Outcome};

use super::*;

/// How long a layer blocks that must be found. Half of it is the limit: a busy machine may stop a good layer's
/// thread for some time, too.
const BLOCKS: Duration = Duration::from_millis(1200);

/// The findings: handler and rule, in order.
#[derive(Clone, Default)]
struct Found(Arc<Mutex<Vec<(String, &'static str)>>>);

impl Found {
    fn check(&self, patience: Option<Duration>) -> Arc<RequestCheck> {
        let all = Arc::clone(&self.0);
        let on_finding = move |finding: &Finding| {
            let finding = (finding.handler.clone(), finding.rule);
            all.lock().unwrap().push(finding);
        };
        let findings = Arc::new(Findings::new(on_finding));
        Arc::new(RequestCheck::new(7, "GET /".to_owned(), findings, patience))
    }

    fn take(&self) -> Vec<(String, &'static str)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn one(handler: &str, rule: &'static str) -> Vec<(String, &'static str)> {
    vec![(handler.to_owned(), rule)]
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: HostBody) -> HostRequest {
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    HostRequest::new(parts, body, Default::default(), Arc::new(Exchange::new(1)))
}

fn get() -> HostRequest {
    request("GET", "/", &[], HostBody::Empty)
}

/// A body of unknown size.
struct Chunks(VecDeque<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A body that reports how many bytes remain.
struct Known(HostBody, u64);

impl Body for Known {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let polled = Pin::new(&mut self.0).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.1 -= frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        polled
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.1)
    }
}

fn chunks(count: usize, length: usize) -> HostBody {
    let chunk = Bytes::from(vec![b'x'; length]);
    HostBody::Stream(Box::pin(Chunks(vec![chunk; count].into())))
}

fn full(text: &'static str) -> HostBody {
    HostBody::Full(Bytes::from_static(text.as_bytes()))
}

fn answer(body: HostBody, headers: &[(HeaderName, &'static str)]) -> HostResponse {
    let mut response = HostResponse::new(StatusCode::OK, body);
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        response.headers_mut().append(name, value);
    }
    response
}

/// The bytes of a body.
async fn read(body: HostBody) -> Bytes {
    body.collect().await.unwrap().to_bytes()
}

/// A request reaches the layer `name`, whose code is `call`.
async fn layer(
    check: &Arc<RequestCheck>,
    name: &str,
    mut request: HostRequest,
    call: impl AsyncFnOnce(HostRequest) -> Outcome,
) -> Outcome {
    let entered = check.enter(&Arc::new(HandlerId::new(name, "code")), &mut request);
    entered.run(call(request)).await
}

/// The findings where `inner` answers and `outer` changes the response.
async fn found(
    inner: HostResponse,
    outer: impl AsyncFnOnce(HostResponse) -> HostResponse,
) -> Vec<(String, &'static str)> {
    let found = Found::default();
    let check = found.check(None);
    let answered = layer(&check, "top", get(), async |request| {
        layer(&check, "outer", request, async |request| {
            let inner = layer(&check, "inner", request, async |_| Ok(inner)).await?;
            Ok(outer(inner).await)
        })
        .await
    });
    let (_, _, body) = answered.await.unwrap().into_parts();
    read(body).await;
    found.take()
}

#[tokio::test]
async fn innermost_layer_with_violation_is_reported() {
    let as_it_is = async |response| response;
    let lies = || answer(full("five!"), &[(CONTENT_LENGTH, "7")]);
    assert_eq!(found(lies(), as_it_is).await, one("inner", "K9"));
    let honest = || answer(full("five!"), &[(CONTENT_LENGTH, "5")]);
    assert_eq!(found(honest(), as_it_is).await, []);
    let longer = async |mut response: HostResponse| {
        response.map_body(|_| full("longer"));
        response
    };
    assert_eq!(found(honest(), longer).await, one("outer", "K9"));
    let short = answer(chunks(2, 2), &[(CONTENT_LENGTH, "5")]);
    assert_eq!(found(short, as_it_is).await, one("inner", "K9"));
    let typed = async |mut response: HostResponse| {
        response.map_body(|_| HostBody::Empty);
        let mut empty = HostResponse::new(StatusCode::NO_CONTENT, HostBody::Empty);
        let plain = HeaderValue::from_static("text/plain");
        empty.headers_mut().insert(CONTENT_TYPE, plain);
        empty
    };
    assert_eq!(found(honest(), typed).await, one("outer", "K12"));
}

#[tokio::test]
async fn changed_bytes_under_same_etag_are_reported() {
    let tagged = || answer(full("hello"), &[(ETAG, "\"a\"")]);
    let replaced = async |mut response: HostResponse| {
        response.map_body(|_| full("other bytes"));
        response
    };
    assert_eq!(found(tagged(), replaced).await, one("outer", "K9"));
    let changed = async |response: HostResponse| {
        let mut response = collected(response).await;
        response.map_body(|_| full("jello"));
        response
    };
    assert_eq!(found(tagged(), changed).await, one("outer", "K9"));
    assert_eq!(found(tagged(), collected).await, []);
}

/// Buffers the whole body.
async fn collected(mut response: HostResponse) -> HostResponse {
    let mut body = HostBody::Empty;
    response.map_body(|inner| {
        body = inner;
        HostBody::Empty
    });
    let all = read(body).await;
    response.map_body(|_| HostBody::Full(all));
    response
}

#[tokio::test]
async fn buffered_streaming_body_is_reported() {
    let stream = |count| answer(chunks(count, 1000), &[]);
    assert_eq!(found(stream(9), collected).await, one("outer", "K8"));
    assert_eq!(found(stream(8), collected).await, []);
    assert_eq!(found(stream(100), async |response| response).await, []);
    // A body of known size may be buffered, in however many chunks it comes.
    let known = HostBody::Stream(Box::pin(Known(chunks(100, 1000), 100_000)));
    assert_eq!(found(answer(known, &[]), collected).await, []);
    // A task of the layer's own may read ahead.
    let pumped = async |response| tokio::spawn(collected(response)).await.unwrap();
    assert_eq!(found(stream(100), pumped).await, []);
    let dropped = async |_| answer(full("other"), &[]);
    assert_eq!(found(stream(100), dropped).await, []);
}

#[tokio::test]
async fn bad_request_is_reported_of_layer_above() {
    let found = Found::default();
    let ok = async |_| Ok(answer(HostBody::Empty, &[]));
    let length = [("content-length", "5")];
    let takes = async |check: Arc<RequestCheck>, headers: &[(&str, &str)], body, put_back: bool| {
        let posted = request("POST", "/", headers, body);
        let answered = layer(&check, "outer", posted, async |mut request| {
            let mut body = HostBody::Empty;
            request.map_body(|inner| {
                body = inner;
                HostBody::Empty
            });
            let bytes = read(body).await;
            if put_back {
                request.map_body(|_| HostBody::Full(bytes));
            }
            let below = layer(&check, "middle", request, async |request| {
                layer(&check, "inner", request, ok).await
            });
            below.await
        });
        answered.await.unwrap();
    };
    takes(found.check(None), &length, full("hello"), true).await;
    assert_eq!(found.take(), []);
    takes(found.check(None), &length, full("hello"), false).await;
    assert_eq!(found.take(), one("outer", "K5"));
    let chunked = [("transfer-encoding", "chunked")];
    takes(found.check(None), &chunked, chunks(2, 3), true).await;
    takes(found.check(None), &chunked, chunks(0, 3), false).await;
    assert_eq!(found.take(), []);
    takes(found.check(None), &chunked, chunks(2, 3), false).await;
    assert_eq!(found.take(), one("outer", "K5"));
}

#[tokio::test]
async fn bad_request_of_client_is_not_reported() {
    let found = Found::default();
    let check = found.check(None);
    let star = request("GET", "*", &[], HostBody::Empty);
    let answered = layer(&check, "outer", star, async |request| {
        layer(&check, "inner", request, async |_| {
            Ok(answer(HostBody::Empty, &[]))
        })
        .await
    });
    answered.await.unwrap();
    assert_eq!(found.take(), []);
}

#[tokio::test]
async fn blocked_time_counts_for_innermost_layer() {
    let found = Found::default();
    let check = found.check(Some(BLOCKS / 2));
    let answered = layer(&check, "outer", get(), async |request| {
        let below = layer(&check, "inner", request, async |_| {
            std::thread::sleep(BLOCKS);
            Ok(answer(HostBody::Empty, &[]))
        });
        below.await
    });
    answered.await.unwrap();
    assert_eq!(found.take(), one("inner", "K1"));
    let check = found.check(None);
    let slow = layer(&check, "unlimited", get(), async |_| {
        std::thread::sleep(BLOCKS);
        Ok(answer(HostBody::Empty, &[]))
    });
    slow.await.unwrap();
    assert_eq!(found.take(), []);
}

#[tokio::test]
async fn body_that_blocks_or_continues_after_trailers_is_reported() {
    struct Bad(u8);
    impl Body for Bad {
        type Data = Bytes;
        type Error = Failure;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
            self.0 += 1;
            Poll::Ready(match self.0 {
                1 => Some(Ok(Frame::trailers(Default::default()))),
                2 => {
                    std::thread::sleep(BLOCKS);
                    Some(Ok(Frame::data("more".into())))
                }
                _ => None,
            })
        }
    }
    let found = Found::default();
    let check = found.check(Some(BLOCKS / 2));
    let bad = HostBody::Stream(Box::pin(Bad(0)));
    let answered = layer(&check, "outer", get(), async |request| {
        layer(&check, "inner", request, async |_| Ok(answer(bad, &[]))).await
    });
    let (_, _, mut body) = answered.await.unwrap().into_parts();
    while let Some(frame) = body.frame().await {
        drop(frame.unwrap());
    }
    let expected = [("inner".to_owned(), "K10"), ("inner".to_owned(), "K10")];
    assert_eq!(found.take(), expected);
}

#[tokio::test]
async fn failed_and_dropped_layers_report_nothing() {
    let found = Found::default();
    let check = found.check(None);
    let failed = layer(&check, "outer", get(), async |request| {
        let below = layer(&check, "inner", request, async |_| {
            Err(Failure::body(StatusCode::IM_A_TEAPOT, "no"))
        });
        below.await
    });
    assert!(failed.await.is_err());
    // A layer that is dropped while it waits is no longer below the next one.
    let waits = layer(&check, "waits", get(), async |_| {
        std::future::pending().await
    });
    assert!(tokio::time::timeout(Duration::ZERO, waits).await.is_err());
    let star = request("GET", "*", &[], HostBody::Empty);
    let next = layer(&check, "next", star, async |_| Ok(answer(full("x"), &[]))).await;
    read(next.unwrap().into_parts().2).await;
    assert_eq!(found.take(), []);
}

#[tokio::test]
async fn concurrent_layers_are_distinguished() {
    let found = Found::default();
    let check = found.check(None);
    let answered = layer(&check, "outer", get(), async |_| {
        let star = || request("GET", "*", &[], HostBody::Empty);
        let bad = layer(&check, "bad", star(), async |_| {
            tokio::task::yield_now().await;
            Ok(answer(full("five!"), &[(CONTENT_LENGTH, "7")]))
        });
        let good = layer(&check, "good", star(), async |_| {
            tokio::task::yield_now().await;
            Ok(answer(full("five!"), &[(CONTENT_LENGTH, "5")]))
        });
        let (bad, _) = tokio::join!(bad, good);
        bad
    });
    answered.await.unwrap();
    let of = |handler: &str, rule| one(handler, rule).remove(0);
    let expected = [of("outer", "R8"), of("outer", "R8"), of("bad", "K9")];
    assert_eq!(found.take(), expected);
}
