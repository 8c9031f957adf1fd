//! The store that plugins share (`cx.store()`): it belongs to the host, so it survives every generation.
//!
//! A namespace that a plugin has opened asks [`StoreHub`] for the engine at each call, so a manifest with another engine
//! takes effect with its generation.

mod key;
mod limits;
mod memory;
#[cfg(test)]
mod model_tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use stackup_plugin::abi::host::{StoreAnswer, StoreNamespace, StoreRequest};

use self::limits::{Namespace, check};
pub use self::memory::MemoryStore;

/// What keeps the entries. The requests it gets are within the limits of keys, values and names.
pub trait StoreEngine: Send + Sync {
    /// Runs one operation on one namespace. An engine that need not wait answers at once.
    fn call(&self, namespace: &str, request: StoreRequest<'_>) -> StoreAnswer;
}

/// The engine in use.
#[derive(Clone)]
pub struct StoreHub(Arc<ArcSwap<Arc<dyn StoreEngine>>>);

impl StoreHub {
    /// Begins with `engine`.
    pub fn new(engine: Arc<dyn StoreEngine>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(engine)))
    }

    /// Uses another engine from now on. Operations that have begun end with the one before.
    pub fn replace(&self, engine: Arc<dyn StoreEngine>) {
        self.0.store(Arc::new(engine));
    }

    /// Opens a namespace. Where its name is not allowed, each operation fails.
    pub fn open(&self, namespace: &str) -> Arc<dyn StoreNamespace> {
        Arc::new(OpenNamespace {
            namespace: Namespace::new(namespace),
            hub: self.clone(),
        })
    }
}

struct OpenNamespace {
    namespace: Namespace,
    hub: StoreHub,
}

impl StoreNamespace for OpenNamespace {
    fn call(&self, request: StoreRequest<'_>) -> StoreAnswer {
        let checked = self
            .namespace
            .name()
            .and_then(|name| check(&request).map(|()| name));
        match checked {
            Ok(name) => self.hub.0.load().call(name, request),
            Err(failure) => StoreAnswer::Ready(Err(failure)),
        }
    }
}
