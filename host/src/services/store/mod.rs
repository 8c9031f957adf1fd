//! The store that plugins share (`cx.store()`): it belongs to the host, so it survives every generation.
//!
//! A namespace that a plugin has opened asks [`StoreHub`] for the engine at each call, so a manifest with another engine
//! takes effect with its generation.
//!
//! When another worker takes over, the entries go with it ([`StoreHub::save`], [`StoreHub::load`]).

mod availability;
mod command;
mod file;
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
mod text;

use std::fs::File;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;
use stackup_plugin::abi::host::{StoreAnswer, StoreFailure, StoreNamespace, StoreRequest};
use tokio::runtime::Handle;

use self::command::NamespaceUse;
pub use self::command::{StoreCommand, StoreReport};
use self::file::FileStore;
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

    /// The namespaces that have entries. May read all of them.
    fn namespaces(&self) -> NamespaceUses;

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

/// The namespaces of an engine, later.
type NamespaceUses = Pin<Box<dyn Future<Output = Result<Vec<NamespaceUse>, StoreFailure>> + Send>>;

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

/// The store of this process: the engine in use.
#[derive(Clone)]
pub struct StoreHub {
    current: Arc<ArcSwap<OpenStore>>,
    runtime: Handle,
    /// The version before the first that this process gives.
    last_version: u64,
}

/// An engine that is ready to be used.
pub struct OpenStore {
    engine: Box<dyn StoreEngine>,
    /// What it was opened by; none for the first.
    settings: Option<StoreSettings>,
}

impl StoreHub {
    /// Begins with a store of `bytes` in memory. Each of a site's workers has another number, so that it gives versions
    /// that no other gives, even before it takes over from one.
    pub fn new(bytes: u64, worker: u32, runtime: Handle) -> Self {
        let last_version = u64::from(worker).wrapping_mul(VERSIONS_PER_WORKER);
        let first = OpenStore {
            engine: Box::new(MemoryStore::new(bytes, last_version, runtime.clone())),
            settings: None,
        };
        Self {
            current: Arc::new(ArcSwap::from_pointee(first)),
            runtime,
            last_version,
        }
    }

    /// Opens the engine that `settings` say, whose paths are absolute; none if it is in use. Blocks.
    ///
    /// # Errors
    ///
    /// Why it can't be used. One that is only away works as soon as it is there. With `later`, so does a file that can't be
    /// opened now.
    pub fn open_engine(
        &self,
        settings: &StoreSettings,
        later: bool,
    ) -> Result<Option<OpenStore>, String> {
        if self.current.load().settings.as_ref() == Some(settings) {
            return Ok(None);
        }
        let runtime = self.runtime.clone();
        #[cfg_attr(not(feature = "redis"), allow(unreachable_code))]
        let engine: Box<dyn StoreEngine> = match settings {
            StoreSettings::Memory { bytes } => {
                Box::new(MemoryStore::new(*bytes, self.last_version, runtime))
            }
            StoreSettings::File { path } => {
                Box::new(FileStore::open(path, later, runtime).map_err(|why| refusal(path, &why))?)
            }
            StoreSettings::Redis(settings) => Box::new(RedisStore::open(settings, runtime)),
        };
        let settings = Some(settings.clone());
        Ok(Some(OpenStore { engine, settings }))
    }

    /// Uses this engine from now on. Operations that have begun end with the one before.
    pub fn switch(&self, to: OpenStore) {
        self.current.store(Arc::new(to));
    }

    /// The engine and whether it works.
    pub fn status(&self) -> EngineStatus {
        self.current.load().engine.status()
    }

    /// Whether the next process needs what [`save`](Self::save) writes.
    pub fn ends_with_process(&self) -> bool {
        self.current.load().engine.ends_with_process()
    }

    /// Writes what the next process needs to continue. Blocks; other threads may use the store.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn save(&self, to: &File) -> io::Result<()> {
        self.current.load().engine.save(to)
    }

    /// Continues with what another process has saved, and returns the number of entries. Blocks.
    ///
    /// # Errors
    ///
    /// Why nothing was loaded.
    pub fn load(&self, from: &File) -> Result<u64, SnapshotError> {
        self.current.load().engine.load(from)
    }

    /// Opens a namespace. Where its name is not allowed, each operation fails.
    pub fn open(&self, namespace: &str) -> Arc<dyn StoreNamespace> {
        Arc::new(OpenNamespace {
            namespace: Namespace::new(namespace),
            hub: self.clone(),
        })
    }
}

fn refusal(path: &Path, why: &str) -> String {
    let path = path.display();
    format!("`path` of `[store]`: `{path}` can't be used: {why}")
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
            Ok(name) => self.hub.current.load().engine.call(name, request),
            Err(failure) => StoreAnswer::Ready(Err(failure)),
        }
    }
}
