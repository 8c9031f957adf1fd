//! The services of the host for a handler.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::block_on::block_on;
use super::counter::CounterBuilder;
use super::gauge::GaugeBuilder;
use super::histogram::HistogramBuilder;
use super::shared::SharedValues;
use super::store::Store;
use crate::abi::plugin::context::{ContextHandle, Retiring, Sleep, TaskHandle};

/// A handler's position in its stack, and the services of the host. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    handle: ContextHandle,
    /// Never freed, as the host's part of a context, so that a clone counts nothing.
    shared: &'static SharedValues,
}

impl Context {
    pub(crate) fn new(handle: ContextHandle) -> Self {
        Self {
            handle,
            shared: Box::leak(Box::new(SharedValues::new())),
        }
    }

    /// The instance has ended.
    pub(crate) fn release_shared(&self) {
        self.shared.release();
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

    /// The time, to measure how long something takes. In a test `testing::clock` may move it, with [`sleep`](Self::sleep).
    pub fn now(&self) -> Instant {
        now()
    }

    /// The time of day. In a test `testing::clock` may move it.
    pub fn system_time(&self) -> SystemTime {
        #[cfg(feature = "testing")]
        return crate::testing::clock::system_time();
        #[cfg(not(feature = "testing"))]
        SystemTime::now()
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

    /// What the handlers of this plugin have once, such as a pool of connections. `open` makes it, unless an instance of this library
    /// holds one of the same type and `key` already: the part of the config that it is made from. Two that call at the same time
    /// open one.
    ///
    /// Each instance that has called holds it until its own end, after its drop. With the last one it is dropped, within
    /// the plugin's tokio runtime if there is one. Other code of the plugin is another library, which opens its own.
    ///
    /// `open` may block in `init` and in [`serving`](crate::App::serving), as they may.
    ///
    /// ```
    /// # use stackup_plugin::testing;
    /// use std::sync::Arc;
    ///
    /// use stackup_plugin::{App, Context, Middleware, Next, Request, Result};
    ///
    /// #[stackup_plugin::config]
    /// struct Config {
    ///     database: String,
    /// }
    ///
    /// struct Pool { /* … */ }
    /// # impl Pool { fn open(_: &str) -> Result<Self> { Ok(Self {}) } }
    ///
    /// /// The same for `Notes` and `Auth`.
    /// fn pool(config: &Config, cx: &Context) -> Result<Arc<Pool>> {
    ///     cx.shared(&config.database, || Pool::open(&config.database))
    /// }
    ///
    /// struct Notes(Arc<Pool>);
    /// struct Auth(Arc<Pool>);
    ///
    /// impl App for Notes {
    ///     type Config = Config;
    ///     fn init(config: Config, cx: &Context) -> Result<Self> {
    ///         Ok(Self(pool(&config, cx)?))
    ///     }
    ///     // …
    /// #   async fn call(&self, _req: Request) -> Result { Err("".into()) }
    /// }
    /// # impl Middleware for Auth {
    /// #     type Config = Config;
    /// #     fn init(config: Config, cx: &Context) -> Result<Self> { Ok(Self(pool(&config, cx)?)) }
    /// #     async fn call(&self, req: Request, next: Next<'_>) -> Result { next.run(req).await }
    /// # }
    ///
    /// stackup_plugin::export!(app Notes, middleware Auth);
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The error of `open`: the next call opens again. `key` can't be JSON. The instance has ended. `open` asks for the very value that it opens.
    pub fn shared<T, K>(
        &self,
        key: &K,
        open: impl FnOnce() -> crate::Result<T>,
    ) -> crate::Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        K: Serialize + ?Sized,
    {
        self.shared.get_or_open(serde_json::to_value(key)?, open)
    }

    /// Runs `future` to its end once the instance has ended and is dropped, on a thread that may block and within the plugin's tokio
    /// runtime if there is one: what closes a pool, where that is `async`. If `init` fails afterwards, it runs then; in a trial
    /// it does not.
    ///
    /// ```
    /// # use stackup_plugin::testing;
    /// use stackup_plugin::{App, Context, Request, Result};
    ///
    /// # #[derive(Clone)]
    /// # struct Pool(std::sync::mpsc::Sender<&'static str>);
    /// # impl Pool { async fn close(&self) { self.0.send("closed").unwrap_or_default() } }
    /// # thread_local! { static POOL: std::cell::RefCell<Option<Pool>> = const { std::cell::RefCell::new(None) } }
    /// # fn open() -> Result<Pool> { Ok(POOL.take().ok_or("none")?) }
    /// struct Notes(Pool);
    ///
    /// impl App for Notes {
    ///     type Config = ();
    ///     fn init((): (), cx: &Context) -> Result<Self> {
    ///         let pool = open()?;
    ///         let closing = pool.clone();
    ///         cx.at_end(async move { closing.close().await })?;
    ///         Ok(Self(pool))
    ///     }
    ///     // …
    /// #   async fn call(&self, _req: Request) -> Result { Err("".into()) }
    /// }
    /// # fn main() -> Result<()> {
    /// # let (sender, closed) = std::sync::mpsc::channel();
    /// # POOL.set(Some(Pool(sender)));
    /// # let notes = testing::app::<Notes>(testing::json!({}))?;
    /// # assert!(closed.try_recv().is_err());
    /// # drop(notes);
    /// # assert_eq!(closed.recv()?, "closed");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The instance has ended.
    pub fn at_end<F>(&self, future: F) -> crate::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.shared.hold(Arc::new(AtEnd(Mutex::new(Some(future)))))
    }

    /// A counter of this handler: `name` in `a` to `z`, digits and `_`, and what it counts in words. It is for `init`; an
    /// increment takes a few nanoseconds.
    pub fn counter<'a>(&self, name: &'a str, help: &'a str) -> CounterBuilder<'a> {
        CounterBuilder::new(self.handle, name, help)
    }

    /// A gauge of this handler, as [`counter`](Self::counter): a value that goes up and down.
    pub fn gauge<'a>(&self, name: &'a str, help: &'a str) -> GaugeBuilder<'a> {
        GaugeBuilder::new(self.handle, name, help)
    }

    /// A histogram of this handler, as [`counter`](Self::counter): how values are spread. Name it with its unit: `wait_seconds`, `page_bytes`.
    pub fn histogram<'a>(&self, name: &'a str, help: &'a str) -> HistogramBuilder<'a> {
        HistogramBuilder::new(self.handle, name, help)
    }

    /// All figures of the host and of the plugins' counters as text, for a scraper: what `stackup metrics` prints, without what only the
    /// supervisor knows. It asks the system, too, and may take a few milliseconds.
    ///
    /// # Errors
    ///
    /// The host is older than the plugin.
    pub fn metrics(&self, format: MetricsFormat) -> crate::Result<String> {
        let text = self
            .handle
            .metrics_text(format == MetricsFormat::OpenMetrics);
        text.ok_or_else(|| {
            crate::Error::msg("this host is older than the plugin: it has no figures")
        })
    }

    /// Whether this instance is only tried: by the short-lived process that runs `init` before the worker does, or by `stackup
    /// check`. It never serves, so side effects belong in `serving` ([`App::serving`](crate::App::serving)).
    pub fn is_trial(&self) -> bool {
        self.handle.is_trial()
    }

    /// Completes once a reload has replaced the instance, or its worker begins to end: a job that the next instance does ends here. Requests
    /// go on; [`Request::draining`](crate::Request::draining) tells them.
    pub fn retiring(&self) -> Retiring {
        self.handle.retiring()
    }

    /// Spawns a task. It belongs to this instance, and is dropped with it. `stackup status` shows `name` for a task that keeps a
    /// generation alive.
    ///
    /// A task that `init` spawns starts when the instance is about to get requests: the first one of `warmup`, or clients'. In
    /// the process that only tries `init` it never starts.
    pub fn spawn<F>(&self, name: &str, future: F) -> Task
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Task(self.handle.spawn(name, future))
    }
}

/// The time, by which handlers measure.
pub(crate) fn now() -> Instant {
    #[cfg(feature = "testing")]
    return crate::testing::clock::now();
    #[cfg(not(feature = "testing"))]
    Instant::now()
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("handler", &self.handler())
            .field("environment", &self.environment())
            .finish_non_exhaustive()
    }
}

/// A text format of [`Context::metrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0: `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    OpenMetrics,
    /// Prometheus' text format: `text/plain; version=0.0.4; charset=utf-8`.
    Prometheus,
}

/// Runs a future when it is dropped.
struct AtEnd<F: Future<Output = ()>>(Mutex<Option<F>>);

impl<F: Future<Output = ()>> Drop for AtEnd<F> {
    fn drop(&mut self) {
        let future = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(future) = future.take() {
            block_on(future);
        }
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
