//! Gauges, which the host keeps and shows.

use std::fmt;
use std::sync::Arc;

use super::labelled::Labelled;
use crate::abi::gauge::RawGauge;
use crate::abi::plugin::context::ContextHandle;
use crate::{Error, Result};

/// A value that goes up and down, such as the length of a queue. Cheap to clone; all clones are the same.
///
/// Made in `init` by [`Context::gauge`](crate::Context::gauge), and kept as a [`Counter`](crate::Counter) is: instances of a handler share it, so
/// `add` in one and `add` of the negative in the next balance. `stackup metrics` and the plugin `metrics` show it.
///
/// ```
/// use stackup_plugin::{App, Context, Gauge, IntoResponse, Request, Result, testing};
///
/// struct Shop {
///     stock: Gauge,
/// }
///
/// impl App for Shop {
///     type Config = ();
///
///     fn init((): (), cx: &Context) -> Result<Self> {
///         let stock = cx.gauge("stock", "What is left").with("kind", "tea").build()?;
///         stock.set(7.0);
///         Ok(Self { stock })
///     }
///
///     async fn call(&self, _req: Request) -> Result {
///         self.stock.add(-1.0);
///         "sold\n".into_response()
///     }
/// }
///
/// # fn main() -> Result<()> {
/// # testing::block_on(async {
/// let shop = testing::app::<Shop>(testing::json!({}))?;
/// shop.answer(testing::get("/")).await?;
/// assert_eq!(shop.gauge("stock", &[("kind", "tea")]), Some(6.0));
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone)]
pub struct Gauge(Arc<RawGauge>);

impl Gauge {
    /// Sets the value.
    #[inline]
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds to the value; a negative one makes it less.
    #[inline]
    pub fn add(&self, value: f64) {
        self.0.add(value);
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauge")
    }
}

/// A gauge that is not made yet; see [`Context::gauge`](crate::Context::gauge).
#[must_use = "it shows nothing before `build`"]
#[derive(Debug)]
pub struct GaugeBuilder<'a>(Labelled<'a>);

impl<'a> GaugeBuilder<'a> {
    pub(crate) fn new(context: ContextHandle, name: &'a str, help: &'a str) -> Self {
        Self(Labelled::new(context, name, help))
    }

    /// Adds a label, as [`CounterBuilder::with`](crate::CounterBuilder::with).
    pub fn with(self, label: &'a str, value: &'a str) -> Self {
        Self(self.0.with(label, value))
    }

    /// Makes the gauge, or finds the one that there is.
    ///
    /// # Errors
    ///
    /// A name or label is not allowed; the instance has 2,048 gauges already; the host is older than the plugin.
    pub fn build(self) -> Result<Gauge> {
        let wanted = self.0;
        let opened = wanted
            .context
            .gauge(wanted.name, wanted.help, &wanted.labels);
        opened.map(|raw| Gauge(Arc::new(raw))).map_err(Error::msg)
    }
}
