//! The services of the host for a handler.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::store::Store;
use crate::abi::plugin::context::{ContextHandle, Sleep, TaskHandle};

/// A handler's position in its stack, and the services of the host. Cheap to clone.
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

    /// The handler's name in the manifest: `auth#basic`.
    pub fn handler(&self) -> &str {
        self.handle.handler()
    }

    /// `development`, `production`, …: the environment that `only` and `except` in the manifest match.
    pub fn environment(&self) -> &str {
        self.handle.environment()
    }

    /// The directory of the manifest. Relative paths in a config are relative to it.
    pub fn directory(&self) -> PathBuf {
        self.handle.directory().into()
    }

    /// Completes after `duration`. The plugin needs no runtime for it.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(duration)
    }

    /// The output of `future`, if it completes within `limit`.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if it does not. The future is then dropped.
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

    /// The plugin's own namespace of the [`Store`], which all handlers of this plugin share.
    pub fn store(&self) -> Store {
        Store::open(self.handle, None)
    }

    /// A namespace of the [`Store`] that plugins share: 1 to 64 characters, `a` to `z`, digits, `-`, `_` and `.`.
    pub fn store_named(&self, namespace: &str) -> Store {
        Store::open(self.handle, Some(namespace))
    }

    /// Spawns a task. It belongs to this generation of the stack and is dropped when the generation has
    /// drained. `stackup status` shows `name` for a task that keeps a generation alive.
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

/// A handle to a spawned task. Dropping it detaches the task, which continues to run.
pub struct Task(TaskHandle);

impl Task {
    /// Drops the task at its current `.await`.
    pub fn abort(&self) {
        self.0.abort();
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

/// The error of [`Context::timeout`] when the limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no output within {:?}", self.0)
    }
}

impl std::error::Error for Elapsed {}
