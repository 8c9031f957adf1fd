//! The store that plugins share (`cx.store()`): it belongs to the host, so it survives every generation.
//!
//! A namespace that a plugin has opened asks [`StoreHub`] for the engine at each call, so a manifest with another engine
//! takes effect with its generation.
//!
//! When another worker takes over, the entries go with it ([`StoreHub::save`], [`StoreHub::load`]).

#[cfg(feature = "redis")]
mod availability;
mod handover;
mod key;
mod limits;
mod memory;
#[cfg(test)]
mod model_tests;
#[cfg(feature = "redis")]
mod redis;
#[cfg(not(feature = "redis"))]
#[path = "without_redis.rs"]
mod redis;
mod settings;
mod snapshot;

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;
use stackup_plugin::abi::host::{StoreAnswer, StoreNamespace, StoreRequest};
use tokio::runtime::Handle;

use self::limits::{Namespace, check};
use self::memory::MemoryStore;
use self::redis::RedisStore;
pub use self::settings::{RedisSettings, RedisUrl, StoreSettings};
pub use self::snapshot::SnapshotError;
use self::snapshot::SnapshotWriter;

/// How many versions a worker gives before it comes to those of the next one: a million a second for twelve days. A store
/// that was handed over counts on beyond that.
const VERSIONS_PER_WORKER: u64 = 1 << 40;

/// What keeps the entries. The requests it gets are within the limits of keys, values and names.
trait StoreEngine: Send + Sync {
    /// Runs one operation on one namespace. An engine that need not wait answers at once.
    fn call(&self, namespace: &str, request: StoreRequest<'_>) -> StoreAnswer;

    /// The engine and whether it works.
    fn status(&self) -> EngineStatus;

    /// Writes what the next process needs to continue: nothing, if that finds the entries where they are. Blocks; other
    /// threads may use the store.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    fn save(&self, to: &File) -> io::Result<()> {
        SnapshotWriter::begin(to, Duration::ZERO)?.end(0)
    }

    /// Continues with what another process has saved, and returns the number of entries. Where it has an entry already, the
    /// saved one takes its place. Blocks.
    ///
    /// # Errors
    ///
    /// Why nothing was loaded.
    fn load(&self, _from: &File) -> Result<u64, SnapshotError> {
        Ok(0)
    }

    /// Whether the next process needs what [`save`](Self::save) writes.
    fn ends_with_process(&self) -> bool {
        false
    }
}

/// What `stackup status` shows of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineStatus {
    /// Its name in the manifest.
    pub engine: &'static str,
    /// Where it is, for people; none in memory.
    pub place: Option<String>,
    /// Why it does not work; none if it does.
    pub trouble: Option<String>,
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

    /// Uses the engine that `settings` say from now on. Operations that have begun end with the one before.
    pub fn switch(&self, settings: &StoreSettings, runtime: Handle) {
        let engine: Arc<dyn StoreEngine> = match settings {
            StoreSettings::Memory { bytes } => {
                Arc::new(MemoryStore::new(*bytes, self.last_version, runtime))
            }
            StoreSettings::Redis(settings) => Arc::new(RedisStore::open(settings, runtime)),
        };
        self.engine.store(Arc::new(engine));
    }

    /// The engine and whether it works.
    pub fn status(&self) -> EngineStatus {
        self.engine.load().status()
    }

    /// Whether the next process needs what [`save`](Self::save) writes.
    pub fn ends_with_process(&self) -> bool {
        self.engine.load().ends_with_process()
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
