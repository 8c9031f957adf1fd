//! Counters, which the host keeps and shows.

use std::fmt;
use std::sync::Arc;

use super::labelled::Labelled;
use crate::abi::counter::RawCounter;
use crate::abi::plugin::context::ContextHandle;
use crate::{Error, Result};

/// A count of events, which only grows. Cheap to clone; all clones count together.
///
/// Made in `init` by [`Context::counter`](crate::Context::counter). `stackup status` shows it under the handler's name. All instances of a handler
/// that make a counter of the same name and labels count together, so an instance goes on where the one that it replaces has
/// stopped. In a new worker process it begins at 0, as it does where no instance has had it in between.
///
/// ```
/// use stackup_plugin::{App, Context, Counter, IntoResponse, Request, Result, testing};
///
/// struct Shop {
///     sold: Counter,
/// }
///
/// impl App for Shop {
///     type Config = ();
///
///     fn init((): (), cx: &Context) -> Result<Self> {
///         let sold = cx.counter("sold", "What was sold").with("kind", "tea").build()?;
///         Ok(Self { sold })
///     }
///
///     async fn call(&self, _req: Request) -> Result {
///         self.sold.increment();
///         "sold\n".into_response()
///     }
/// }
///
/// # fn main() -> Result<()> {
/// # testing::block_on(async {
/// let shop = testing::app::<Shop>(testing::json!({}))?;
/// shop.answer(testing::get("/")).await?;
/// assert_eq!(shop.counter("sold", &[("kind", "tea")]), Some(1));
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone)]
pub struct Counter(Arc<RawCounter>);

impl Counter {
    /// Counts one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `count`.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.add(count);
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counter")
    }
}

/// A counter that is not made yet; see [`Context::counter`](crate::Context::counter).
#[must_use = "it counts nothing before `build`"]
#[derive(Debug)]
pub struct CounterBuilder<'a>(Labelled<'a>);

impl<'a> CounterBuilder<'a> {
    pub(crate) fn new(context: ContextHandle, name: &'a str, help: &'a str) -> Self {
        Self(Labelled::new(context, name, help))
    }

    /// Adds a label, which tells it from others of the same name. A value is at most 128 bytes of text, and must not come from
    /// requests: each makes another counter.
    pub fn with(self, label: &'a str, value: &'a str) -> Self {
        Self(self.0.with(label, value))
    }

    /// Makes the counter, or finds the one that there is.
    ///
    /// # Errors
    ///
    /// A name or label is not allowed; the instance has 2,048 counters already; the host is older than the plugin.
    pub fn build(self) -> Result<Counter> {
        let wanted = self.0;
        let opened = wanted
            .context
            .counter(wanted.name, wanted.help, &wanted.labels);
        opened.map(|raw| Counter(Arc::new(raw))).map_err(Error::msg)
    }
}
