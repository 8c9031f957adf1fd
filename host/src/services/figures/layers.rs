//! The meters of layers, by directive: a reload goes on with the counts of the directives that stay.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::meter::Meter;

/// A directive, and the handler that it names.
type LayerId = (String, String);

/// The meters of all layers that a stack has. They end with the last such stack.
#[derive(Debug, Default)]
pub(super) struct Layers(Mutex<BTreeMap<LayerId, Weak<Meter>>>);

impl Layers {
    /// The meter of a directive.
    pub(super) fn meter(&self, directive: &str, handler: &str) -> Arc<Meter> {
        let mut layers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        layers.retain(|_, meter| meter.strong_count() > 0);
        let id = (directive.to_owned(), handler.to_owned());
        if let Some(meter) = layers.get(&id).and_then(Weak::upgrade) {
            return meter;
        }
        let meter = Arc::new(Meter::new(Some(handler.to_owned())));
        layers.insert(id, Arc::downgrade(&meter));
        meter
    }

    /// All that there are, in the order of their directives.
    pub(super) fn all(&self) -> Vec<(LayerId, Arc<Meter>)> {
        let layers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let living = layers
            .iter()
            .filter_map(|(id, meter)| Some((id.clone(), meter.upgrade()?)));
        living.collect()
    }
}
