//! The store that plugins share (`cx.store()`): it belongs to the host, so it survives every generation.
//!
//! A namespace that a plugin has opened asks [`StoreHub`] for the engine at each call, so a manifest with another engine
//! takes effect with its generation.
//!
//! When another worker takes over, the entries go with it ([`StoreHub::save`], [`StoreHub::load`]).

mod handover;
mod key;
mod limits;
mod memory;
#[cfg(test)]
mod model_tests;
mod snapshot;

use std::fs::File;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use stackup_plugin::abi::host::{StoreAnswer, StoreNamespace, StoreRequest};
use tokio::runtime::Handle;

use self::limits::{Namespace, check};
use self::memory::MemoryStore;
pub use self::snapshot::SnapshotError;

/// How many versions a worker gives before it comes to those of the next one: a million a second for twelve days. A store
/// that was handed over counts on beyond that.
const VERSIONS_PER_WORKER: u64 = 1 << 40;

/// What keeps the entries. The requests it gets are within the limits of keys, values and names.
trait StoreEngine: Send + Sync {
    /// Runs one operation on one namespace. An engine that need not wait answers at once.
    fn call(&self, namespace: &str, request: StoreRequest<'_>) -> StoreAnswer;

    /// Writes what the next process needs to continue. Blocks; other threads may use the store.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    fn save(&self, to: &File) -> io::Result<()>;

    /// Continues with what another process has saved, and returns the number of entries. Where it has an entry already, the
    /// saved one takes its place. Blocks.
    ///
    /// # Errors
    ///
    /// Why nothing was loaded.
    fn load(&self, from: &File) -> Result<u64, SnapshotError>;
}

/// The engine in use.
#[derive(Clone)]
pub struct StoreHub {
    engine: Arc<ArcSwap<Arc<dyn StoreEngine>>>,
    /// The version before the first that this process gives.
    last_version: u64,
}

impl StoreHub {
    /// Begins with a store of `bytes` in memory. Each of a site's workers has another number, so that it gives versions
    /// that no other gives, even before it takes over from one.
    pub fn new(bytes: u64, worker: u32, runtime: Handle) -> Self {
        let last_version = u64::from(worker).wrapping_mul(VERSIONS_PER_WORKER);
        let engine: Arc<dyn StoreEngine> = Arc::new(MemoryStore::new(bytes, last_version, runtime));
        Self {
            engine: Arc::new(ArcSwap::from_pointee(engine)),
            last_version,
        }
    }

    /// Uses an empty store of `bytes` from now on. Operations that have begun end with the one before.
    pub fn open_memory(&self, bytes: u64, runtime: Handle) {
        let engine: Arc<dyn StoreEngine> =
            Arc::new(MemoryStore::new(bytes, self.last_version, runtime));
        self.engine.store(Arc::new(engine));
    }

    /// Writes what the next process needs to continue. Blocks; other threads may use the store.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn save(&self, to: &File) -> io::Result<()> {
        self.engine.load().save(to)
    }

    /// Continues with what another process has saved, and returns the number of entries. Blocks.
    ///
    /// # Errors
    ///
    /// Why nothing was loaded.
    pub fn load(&self, from: &File) -> Result<u64, SnapshotError> {
        self.engine.load().load(from)
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
            Ok(name) => self.hub.engine.load().call(name, request),
            Err(failure) => StoreAnswer::Ready(Err(failure)),
        }
    }
}
