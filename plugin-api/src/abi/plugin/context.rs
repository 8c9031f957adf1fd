//! A plugin's handles to a handler's context and tasks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use super::errors::{HandlerSink, PanicSink};
use super::future;
use super::host;
use super::panics::Panic;
use super::runtime::RuntimeHandle;
use super::scope::{HandlerScope, running};
use crate::abi::counter::{RawCounter, RawCounterReply};
use crate::abi::future::UnitFuture;
use crate::abi::gauge::{RawGauge, RawGaugeReply, RawHistogram, RawHistogramReply};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, ErrorObject, Field, TaskObject};

/// A handler's context, which the host never frees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContextHandle(*const ContextObject);

// SAFETY: the host's context is Send and Sync, and never freed.
unsafe impl Send for ContextHandle {}
// SAFETY: as above.
unsafe impl Sync for ContextHandle {}

impl ContextHandle {
    /// The handler running on this thread.
    pub(crate) fn current() -> Option<Self> {
        let object = running();
        (!object.is_null()).then_some(Self(object))
    }

    /// # Safety
    ///
    /// `object` is a context of the host.
    pub(super) unsafe fn from_object(object: *const ContextObject) -> Self {
        Self(object)
    }

    #[inline]
    pub(super) fn as_object(self) -> *const ContextObject {
        self.0
    }

    /// Reports a contained panic of the handler to the host.
    pub(super) fn panicked(self, panic: &Panic) {
        let (message, place) = (RawSlice::text(&panic.message), RawSlice::text(&panic.place));
        // SAFETY: a context of the host's; the texts are lent for the call.
        unsafe { host().context_panicked()(self.0, message, place) }
    }

    pub(crate) fn handler(self) -> &'static str {
        // SAFETY: neither the context nor the text is ever freed.
        unsafe { host().context_handler()(self.0) }.str()
    }

    pub(crate) fn environment(self) -> &'static str {
        // SAFETY: as for the handler's name.
        unsafe { host().context_environment()(self.0) }.str()
    }

    pub(crate) fn directory(self) -> String {
        // SAFETY: a context of the host's.
        unsafe { host().context_directory()(self.0) }.into_string()
    }

    pub(crate) fn is_trial(self) -> bool {
        // SAFETY: a context of the host's.
        unsafe { host().context_is_trial()(self.0) }
    }

    pub(crate) fn retiring(self) -> Retiring {
        // SAFETY: a context of the host's.
        Retiring(UnitFuture::new(unsafe {
            host().context_retiring()(self.0)
        }))
    }

    /// A counter of the host's.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) fn counter(
        self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<RawCounter, String> {
        let Some(open) = host().counter_open() else {
            return Err("this host is older than the plugin: it has no counters".to_owned());
        };
        let labels = fields(labels);
        let (name, help) = (RawSlice::text(name), RawSlice::text(help));
        // SAFETY: a context of the host's; texts and labels are lent for the call.
        match unsafe { open(self.0, name, help, labels.as_ptr(), labels.len()) } {
            RawCounterReply::Opened(counter) => Ok(counter),
            RawCounterReply::Refused(why) => Err(why.into_string()),
        }
    }

    /// A gauge of the host's.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) fn gauge(
        self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<RawGauge, String> {
        let open = host().more().and_then(|more| more.gauge_open());
        let open = open.ok_or("this host is older than the plugin: it has no gauges")?;
        let labels = fields(labels);
        let (name, help) = (RawSlice::text(name), RawSlice::text(help));
        // SAFETY: a context of the host's; texts and labels are lent for the call.
        match unsafe { open(self.0, name, help, labels.as_ptr(), labels.len()) } {
            RawGaugeReply::Opened(gauge) => Ok(gauge),
            RawGaugeReply::Refused(why) => Err(why.into_string()),
        }
    }

    /// A histogram of the host's, with these upper bounds.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) fn histogram(
        self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        bounds: &[f64],
    ) -> Result<RawHistogram, String> {
        let open = host().more().and_then(|more| more.histogram_open());
        let open = open.ok_or("this host is older than the plugin: it has no histograms")?;
        let labels = fields(labels);
        let (name, help) = (RawSlice::text(name), RawSlice::text(help));
        // SAFETY: a context of the host's; texts, labels and bounds are lent for the call.
        let opened = unsafe {
            open(
                self.0,
                name,
                help,
                labels.as_ptr(),
                labels.len(),
                bounds.as_ptr(),
                bounds.len(),
            )
        };
        match opened {
            RawHistogramReply::Opened(histogram) => Ok(histogram),
            RawHistogramReply::Refused(why) => Err(why.into_string()),
        }
    }

    /// All figures of the host as text; `None` if the host is older than this.
    pub(crate) fn metrics_text(self, is_open_metrics: bool) -> Option<String> {
        let metrics_text = host().more()?.metrics_text()?;
        // SAFETY: an attached host's function.
        Some(unsafe { metrics_text(is_open_metrics) }.into_string())
    }

    pub(crate) fn spawn<F>(self, name: &str, future: F) -> TaskHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let scope = HandlerScope::new(self, RuntimeHandle::current());
        let raw = future::erase(future, scope, TaskSink(HandlerSink(self)));
        // SAFETY: a context of the host's; the future is handed over.
        TaskHandle(unsafe { host().task_spawn()(self.0, RawSlice::text(name), raw) })
    }
}

/// Labels as they cross.
fn fields<'a>(labels: &'a [(&str, &str)]) -> Vec<Field<'a>> {
    let labels = labels.iter();
    labels
        .map(|(name, value)| Field {
            name: RawSlice::text(name),
            value: RawSlice::text(value),
        })
        .collect()
}

/// A task has no request to fail, so its panic goes to the log.
struct TaskSink(HandlerSink);

impl PanicSink for TaskSink {
    fn panicked(&self, panic: Panic) -> *mut ErrorObject {
        super::log::report(&format!(
            "a task panicked at {}: {}",
            panic.place, panic.message
        ));
        self.0.panicked(panic)
    }

    fn dropped(&self, panic: Panic) {
        self.0.dropped(panic);
    }
}

/// A handle to a task. Dropping it detaches the task.
pub(crate) struct TaskHandle(*mut TaskObject);

// SAFETY: the host's task control is Send and Sync.
unsafe impl Send for TaskHandle {}
// SAFETY: as above.
unsafe impl Sync for TaskHandle {}

impl TaskHandle {
    pub(crate) fn abort(&self) {
        // SAFETY: the handle is alive.
        unsafe { host().task_abort()(self.0) }
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        // SAFETY: the handle is ours.
        unsafe { host().task_drop()(self.0) }
    }
}

/// Completes once an instance was replaced, or its process begins to end.
#[must_use = "a future does nothing unless awaited"]
pub struct Retiring(UnitFuture);

impl Future for Retiring {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// Completes once a request has a deadline.
#[must_use = "a future does nothing unless awaited"]
pub struct Draining(pub(super) UnitFuture);

impl Future for Draining {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// Completes after a time, by the host's clock.
#[must_use = "a future does nothing unless awaited"]
pub struct Sleep(UnitFuture);

impl Sleep {
    pub(crate) fn new(duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // SAFETY: an attached host's function.
        Self(UnitFuture::new(unsafe { host().sleep()(nanoseconds) }))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}
