//! What the host lends a handler.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::abi::plugin::context::{ContextHandle, Sleep, TaskHandle};

/// A handler's place in its stack, and the host's services; cheap to clone.
#[derive(Clone)]
pub struct Context {
    handle: ContextHandle,
}

impl Context {
    pub(crate) fn new(handle: ContextHandle) -> Self {
        Self { handle }
    }

    pub(crate) fn handle(&self) -> ContextHandle {
        self.handle
    }

    /// The handler as the manifest names it: `auth#basic`.
    pub fn handler(&self) -> &str {
        self.handle.handler()
    }

    /// `development`, `production`, …: as `only` and `except` in the manifest.
    pub fn environment(&self) -> &str {
        self.handle.environment()
    }

    /// The manifest's directory: what relative paths in a config are relative to.
    pub fn directory(&self) -> PathBuf {
        self.handle.directory().into()
    }

    /// Done after `duration`. Needs no runtime in the plugin.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(duration)
    }

    /// The output of `future`, if it has one within `limit`.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] when the time is up; the future is dropped.
    pub async fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        let mut sleep = pin!(self.sleep(limit));
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            sleep.as_mut().poll(cx).map(|()| Err(Elapsed(limit)))
        })
        .await
    }

    /// Runs a task beside the requests. It belongs to this generation of the stack and is dropped
    /// when that has drained. `name` tells people what keeps a generation alive.
    pub fn spawn<F>(&self, name: &str, future: F) -> Task
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Task(self.handle.spawn(name, future))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("handler", &self.handler())
            .field("environment", &self.environment())
            .finish_non_exhaustive()
    }
}

/// A hold on a spawned task; dropping it lets the task run on.
pub struct Task(TaskHandle);

impl Task {
    /// Drops the task where it stands.
    pub fn abort(&self) {
        self.0.abort();
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

/// The time of a [`Context::timeout`] was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no output within {:?}", self.0)
    }
}

impl std::error::Error for Elapsed {}
