//! Bodies that are produced while they are sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stackup_plugin::{Body, Bytes, Context, Response, StatusCode, body, tracing};

use crate::header_map;

/// The size of a flood's chunk.
const CHUNK: usize = 64 * 1024;

/// `count` lines, with a pause before each but the first.
pub(crate) fn chunks(cx: &Context, count: usize) -> Response {
    let (mut sender, body) = Body::channel(1);
    let own = cx.clone();
    cx.spawn("sends chunks", async move {
        for number in 0..count {
            if number > 0 {
                own.sleep(Duration::from_millis(10)).await;
            }
            if sender.send(format!("chunk {number}\n")).await.is_err() {
                return;
            }
        }
    });
    with(body)
}

/// A line, and trailers.
pub(crate) fn trailers(cx: &Context) -> Response {
    let (mut sender, body) = Body::channel(1);
    cx.spawn("sends trailers", async move {
        if sender.send("before the trailers\n").await.is_ok() {
            let _ = sender.finish(header_map("x-checksum", "abc")).await;
        }
    });
    let mut response = with(body);
    let _ = response.headers_mut().insert("trailer", "x-checksum");
    response
}

/// `count` chunks as fast as they go; `sent` counts them.
pub(crate) fn flood(cx: &Context, count: usize, sent: &Arc<AtomicU64>) -> Response {
    let (mut sender, body) = Body::channel(1);
    let sent = Arc::clone(sent);
    cx.spawn("floods", async move {
        let chunk = Bytes::from(vec![b'~'; CHUNK]);
        for number in 0..count {
            if sender.send(chunk.clone()).await.is_err() {
                tracing::info!("probe: the flood stopped after {number}");
                return;
            }
            sent.fetch_add(1, Ordering::SeqCst);
        }
        tracing::info!("probe: the flood is over");
    });
    with(body)
}

/// A stream that ends when another request says so.
#[derive(Default)]
pub(crate) struct Held(Mutex<Option<body::Sender>>);

impl Held {
    /// A line now, the next one later.
    pub(crate) fn begin(&self) -> Response {
        tracing::info!("probe: a stream is held");
        let (sender, body) = Body::channel(1);
        *self.sender() = Some(sender);
        with(body.prepend([Bytes::from_static(b"begun\n")]))
    }

    /// Ends the stream that began last.
    pub(crate) async fn let_go(&self) -> Response {
        let sender = self.sender().take();
        if let Some(mut sender) = sender {
            let _ = sender.send("ended\n").await;
        }
        Response::new(StatusCode::NO_CONTENT)
    }

    fn sender(&self) -> MutexGuard<'_, Option<body::Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with(body: Body) -> Response {
    let mut response = Response::new(StatusCode::OK);
    response.set_body(body);
    response
}
