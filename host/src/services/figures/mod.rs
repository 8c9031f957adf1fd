//! What the host counts and measures, and how it is read: `[metrics]`, `stackup metrics`, the plugin `metrics`.
//!
//! Whoever knows something adds a [`Source`]; meters count the calls of nodes of the stack.

mod calls;
mod clock;
mod family;
mod histogram;
mod layers;
mod meter;
mod requests;
mod shards;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use stackup_plugin::abi::host::CallMeter;

use self::calls::{add_layer, add_requests};
use self::layers::Layers;
use self::meter::Meter;
use self::requests::RequestMeter;

pub use self::family::{Families, FamilyKind, SampleValue};
pub use self::text::{MetricsFormat, metrics_text};

/// Tells figures whenever they are read. It must not wait for long.
pub(super) type Source = Box<dyn Fn(&mut Families) + Send + Sync>;

/// The figures of a site in this process.
#[derive(Clone, Default)]
pub struct Figures(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Of all requests, once a stack has had it: it counts on where `[metrics]` was taken out and put back.
    requests: OnceLock<Arc<Meter>>,
    layers: Layers,
    /// By outcome and the stage that refused.
    reloads: Mutex<BTreeMap<(String, String), u64>>,
    sources: Mutex<Vec<Source>>,
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").finish_non_exhaustive()
    }
}

impl Figures {
    /// What measures all requests, at the top of a stack. The first call may block for some milliseconds.
    pub fn request_meter(&self) -> Arc<dyn CallMeter> {
        clock::calibrate();
        let new = || Arc::new(Meter::new(None));
        Arc::new(RequestMeter(Arc::clone(self.0.requests.get_or_init(new))))
    }

    /// What measures the layer of a directive. Stacks that have the same one count together.
    pub fn layer_meter(&self, directive: &str, handler: &str) -> Arc<dyn CallMeter> {
        self.0.layers.meter(directive, handler)
    }

    /// Asks this one, too, from now on.
    pub fn add_source(&self, source: Source) {
        lock(&self.0.sources).push(source);
    }

    /// A reload has ended: how, and the stage that refused it, if one did.
    pub fn count_reload(&self, outcome: &str, stage: Option<&str>) {
        let key = (outcome.to_owned(), stage.unwrap_or_default().to_owned());
        *lock(&self.0.reloads).entry(key).or_default() += 1;
    }

    /// All figures of now.
    pub fn read(&self) -> Families {
        let mut families = Families::default();
        if let Some(requests) = self.0.requests.get() {
            add_requests(&requests.figures(), &mut families);
        }
        for ((directive, handler), meter) in self.0.layers.all() {
            add_layer((&directive, &handler), &meter.figures(), &mut families);
        }
        self.reloads(&mut families);
        for source in lock(&self.0.sources).iter() {
            source(&mut families);
        }
        families
    }

    fn reloads(&self, families: &mut Families) {
        let family = (
            "stackup_reloads",
            FamilyKind::Counter,
            "Reloads by outcome, and by the stage that refused",
        );
        for ((outcome, stage), count) in lock(&self.0.reloads).iter() {
            let labels = [("outcome", outcome.as_str()), ("stage", stage)];
            families.add(family, &labels, *count as f64);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
