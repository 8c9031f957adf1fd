//! Runs each stream as a task of its own, and ends one whose client takes nothing for too long.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::rt::Executor;

use super::send_task::SendTask;
use super::stream::Stream;
use crate::serve::server::progress_timeout::ProgressTimeout;
use crate::serve::server::transport::Transport;

/// hyper hands over a stream's future as soon as the service has returned that of the response.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamExecutor(Arc<Mutex<Option<Next>>>);

/// A stream, and what is to send on it should it change to another protocol.
type Next = (Stream, Option<Arc<SendTask>>);

tokio::task_local! {
    /// In the task of a stream that may change: hyper hands over what sends from there, and not from the connection's.
    static CHANGES: Arc<SendTask>;
}

impl StreamExecutor {
    /// The next future is this stream's. It may change to another protocol, if there is a `task` for that.
    pub(super) fn next_is(&self, stream: &Stream, task: Option<Arc<SendTask>>) {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some((stream.clone(), task));
    }
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        if let Ok(task) = CHANGES.try_with(Arc::clone) {
            tokio::spawn(async move { task.run(future).await });
            return;
        }
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match next {
            Some((stream, None)) => drop(tokio::spawn(serve(stream, future))),
            Some((stream, Some(task))) => {
                drop(tokio::spawn(CHANGES.scope(task, serve(stream, future))));
            }
            // What hyper runs besides streams, if ever.
            None => drop(tokio::spawn(future)),
        }
    }
}

/// Runs a stream until its end, or until its client lets it wait for too long.
async fn serve(stream: Stream, future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let mut client = ClientProgress::new(stream);
    // The end of this task drops the stream: h2 resets it.
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => client.poll_over(cx),
    })
    .await;
}

/// Whether the client of a stream takes its response.
struct ClientProgress {
    stream: Stream,
    timeout: ProgressTimeout,
    /// The frame that it has not taken.
    waiting: Option<u64>,
}

impl ClientProgress {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            timeout: ProgressTimeout::new(None),
            waiting: None,
        }
    }

    /// Resolves when the client has taken nothing for `send_timeout`, or until the drain deadline of the response's
    /// generation. hyper polls no body whose client takes nothing.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let frame = self.stream.waiting_frame();
        if frame != self.waiting {
            if frame.is_some() != self.waiting.is_some() {
                self.stream.send_waits(frame.is_some());
            }
            self.waiting = frame;
            self.timeout.progressed();
        }
        if frame.is_none() {
            return Poll::Pending;
        }
        if self.stream.sending().is_over(cx) {
            tracing::debug!("a client took nothing until the drain deadline: its stream is reset");
            return Poll::Ready(());
        }
        self.timeout.set_limit(self.stream.send_timeout());
        self.timeout.poll_waiting(cx).map(|limit| {
            tracing::debug!(
                "a client took nothing for {limit:?} (`send_timeout`): its stream is reset"
            );
            self.stream.times_out();
        })
    }
}

impl Drop for ClientProgress {
    fn drop(&mut self) {
        if self.waiting.is_some() {
            self.stream.send_waits(false);
        }
    }
}
