//! The body of a response that another server sends.
//!
//! That server does not poll it while the client takes nothing. So the drain deadline of its generation ends it from a task: from
//! then on nothing of the generation is held, however long the server keeps what is left of the body.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use stackup_plugin::abi::host::Failure;
use tokio::task::AbortHandle;

use super::super::body::ResponseBody;
use super::super::response_guard::OVER;
use super::super::transport::Transport;
use super::Embedded;

/// The body of a response, for another server to send.
pub struct EmbeddedBody(State);

enum State {
    /// It has not waited for the client.
    Own(Box<ResponseBody<Embedded>>, Embedded),
    Cuttable(Arc<Cuttable>, AbortHandle),
    Ended,
}

/// A body that the drain deadline can end.
struct Cuttable(Mutex<Option<Box<ResponseBody<Embedded>>>>);

impl Cuttable {
    fn body(&self) -> MutexGuard<'_, Option<Box<ResponseBody<Embedded>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EmbeddedBody {
    pub(super) fn new(body: ResponseBody<Embedded>, transport: Embedded) -> Self {
        Self(State::Own(Box::new(body), transport))
    }

    /// Has the drain deadline end it, if it may wait for the client.
    fn watch(&mut self) {
        if !matches!(&self.0, State::Own(_, transport) if transport.sending().has_body()) {
            return;
        }
        if let State::Own(body, transport) = std::mem::replace(&mut self.0, State::Ended) {
            let cuttable = Arc::new(Cuttable(Mutex::new(Some(body))));
            let theirs = Arc::clone(&cuttable);
            let watch = tokio::spawn(async move {
                let is_over = |cx: &mut Context<'_>| match transport.sending().is_over(cx) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                };
                std::future::poll_fn(is_over).await;
                tracing::debug!(
                    "a client read nothing until the drain deadline of its generation: the response is cut"
                );
                // Dropped without the lock: it may run code of plugins.
                let body = theirs.body().take();
                drop(body);
            });
            self.0 = State::Cuttable(cuttable, watch.abort_handle());
        }
    }
}

impl Body for EmbeddedBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match &mut self.0 {
            State::Own(body, _) => {
                let polled = Pin::new(&mut **body).poll_frame(cx);
                self.watch();
                polled
            }
            State::Cuttable(cuttable, _) => {
                if let Some(body) = &mut *cuttable.body() {
                    return Pin::new(&mut **body).poll_frame(cx);
                }
                self.0 = State::Ended;
                let over = Failure::body(StatusCode::SERVICE_UNAVAILABLE, OVER);
                Poll::Ready(Some(Err(over)))
            }
            State::Ended => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            State::Own(body, _) => body.is_end_stream(),
            State::Cuttable(cuttable, _) => {
                let body = cuttable.body();
                body.as_ref().is_some_and(|body| body.is_end_stream())
            }
            State::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Own(body, _) => body.size_hint(),
            State::Cuttable(cuttable, _) => {
                let body = cuttable.body();
                body.as_ref()
                    .map_or_else(SizeHint::default, |body| body.size_hint())
            }
            State::Ended => SizeHint::with_exact(0),
        }
    }
}

impl Drop for EmbeddedBody {
    fn drop(&mut self) {
        if let State::Cuttable(_, watch) = &self.0 {
            watch.abort();
        }
    }
}

impl fmt::Debug for EmbeddedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBody").finish_non_exhaustive()
    }
}
