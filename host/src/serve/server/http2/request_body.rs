//! The body of a request on a stream. What no handler reads of it is read here for a while, as with HTTP/1: RST_STREAM
//! would do (RFC 9113 §8.1), but there are clients that lose the response by it, such as curl 7.88.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::stream::Stream;
use crate::serve::server::unread_body::{LINGER, LINGER_BYTES, SILENCE};

/// hyper's body, of which the rest is read when it is dropped.
pub(super) struct RequestBody {
    /// None once the rest is read elsewhere.
    body: Option<Incoming>,
    /// None if there is nothing to read on.
    rest: Option<Rest>,
}

struct Rest {
    stream: Stream,
    /// It may be dropped by a plugin's thread.
    runtime: Handle,
}

impl RequestBody {
    /// Call it within the runtime.
    pub(super) fn new(body: Incoming, headers: &HeaderMap, stream: &Stream) -> Self {
        // A client that waits for `100 Continue` sends nothing, and learns by the reset that it need not.
        let has_rest = !body.is_end_stream() && !headers.contains_key(header::EXPECT);
        let rest = has_rest.then(|| Rest {
            stream: stream.clone(),
            runtime: Handle::current(),
        });
        Self {
            body: Some(body),
            rest,
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(Rest { stream, runtime }) = self.rest.take() else {
            return;
        };
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            runtime.spawn(async move {
                let _ = timeout(LINGER, read_on(body)).await;
                // The connection is not idle before.
                drop(stream);
            });
        }
    }
}

/// Reads to the end, or until the client is silent or has sent enough.
async fn read_on(mut body: Incoming) {
    let mut left = LINGER_BYTES;
    while left > 0 {
        let Ok(Some(Ok(frame))) = timeout(SILENCE, body.frame()).await else {
            return;
        };
        let length = frame.data_ref().map_or(0, Bytes::len);
        left = left.saturating_sub(length as u64);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.rest = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(none, Body::size_hint)
    }
}
