//! Histograms, which the host keeps and shows.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::labelled::Labelled;
use crate::abi::gauge::RawHistogram;
use crate::abi::plugin::context::ContextHandle;
use crate::{Error, Result};

/// The bounds of a histogram that names none: for seconds, from 1 ms to 10 s.
const SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How values are spread, such as waits or sizes. Cheap to clone; all clones count together.
///
/// Made in `init` by [`Context::histogram`](crate::Context::histogram), and kept as a [`Counter`](crate::Counter) is. `stackup metrics` and the plugin
/// `metrics` show how many values are up to each bound.
///
/// ```
/// use stackup_plugin::{App, Context, Histogram, IntoResponse, Request, Result, testing};
///
/// struct Shop {
///     price: Histogram,
/// }
///
/// impl App for Shop {
///     type Config = ();
///
///     fn init((): (), cx: &Context) -> Result<Self> {
///         let price = cx.histogram("price_euros", "What a sale brought in");
///         let price = price.bounds(&[1.0, 5.0, 20.0]).build()?;
///         Ok(Self { price })
///     }
///
///     async fn call(&self, _req: Request) -> Result {
///         self.price.observe(4.5);
///         "sold\n".into_response()
///     }
/// }
///
/// # fn main() -> Result<()> {
/// # testing::block_on(async {
/// let shop = testing::app::<Shop>(testing::json!({}))?;
/// shop.answer(testing::get("/")).await?;
/// assert_eq!(shop.histogram("price_euros", &[]), Some((1, 4.5)));
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone)]
pub struct Histogram(Arc<RawHistogram>);

impl Histogram {
    /// Counts a value.
    #[inline]
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }

    /// Counts a time, in seconds.
    #[inline]
    pub fn observe_duration(&self, time: Duration) {
        self.observe(time.as_secs_f64());
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Histogram")
    }
}

/// A histogram that is not made yet; see [`Context::histogram`](crate::Context::histogram).
#[must_use = "it counts nothing before `build`"]
#[derive(Debug)]
pub struct HistogramBuilder<'a> {
    labelled: Labelled<'a>,
    bounds: &'a [f64],
}

impl<'a> HistogramBuilder<'a> {
    pub(crate) fn new(context: ContextHandle, name: &'a str, help: &'a str) -> Self {
        Self {
            labelled: Labelled::new(context, name, help),
            bounds: &SECONDS,
        }
    }

    /// Adds a label, as [`CounterBuilder::with`](crate::CounterBuilder::with).
    pub fn with(self, label: &'a str, value: &'a str) -> Self {
        let labelled = self.labelled.with(label, value);
        Self { labelled, ..self }
    }

    /// The upper bounds, in ascending order, 1 to 32 [default: 0.001 to 10, for seconds]. Values above the last are counted, too.
    pub fn bounds(self, bounds: &'a [f64]) -> Self {
        Self { bounds, ..self }
    }

    /// Makes the histogram, or finds the one that there is. One with other bounds begins anew.
    ///
    /// # Errors
    ///
    /// A name, label or bound is not allowed; the instance has 2,048 histograms already; the host is older than the plugin.
    pub fn build(self) -> Result<Histogram> {
        let wanted = self.labelled;
        let opened =
            wanted
                .context
                .histogram(wanted.name, wanted.help, &wanted.labels, self.bounds);
        opened
            .map(|raw| Histogram(Arc::new(raw)))
            .map_err(Error::msg)
    }
}
