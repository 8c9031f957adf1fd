//! The store in a file: what is acknowledged survives a crash of the process and of the machine.
//!
//! ```text
//! change.rs ─▶ writer.rs ─▶ tables.rs ─▶ database.rs
//! a change     one commit   a transaction  the file
//!              for many
//! ```
//!
//! The file is a redb database. Reads go on beside the writer, on the runtime's threads for blocking calls.

mod change;
mod database;
mod record;
mod tables;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redb::{Database, ReadTransaction, ReadableDatabase, TableError};
use stackup_plugin::abi::host::{
    StoreAnswer, StoreFailure, StoreFailureKind, StoreReply, StoreRequest,
};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use self::change::{Change, ReadRequest};
use self::database::{Fault, contained, fault};
use self::tables::{Now, namespaces, read};
use self::writer::Job;
use super::availability::{Availability, Trouble};
use super::limits::{failure, shutting_down};
use super::{EngineStatus, NamespaceUses, StoreEngine};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The bytes of the changes that may wait for the disk.
const QUEUE: usize = 64 << 20;

/// Entries in a file.
pub(super) struct FileStore {
    shared: Arc<Shared>,
    changes: Sender<Job>,
    /// The bytes that are left of [`QUEUE`].
    room: Arc<Semaphore>,
    runtime: Handle,
    /// How long a call may take.
    timeout: Duration,
}

type Open = Box<dyn Fn(bool) -> Result<Database, Fault> + Send + Sync>;

/// What calls and the writer share.
struct Shared {
    /// None after a failure, until the writer has opened it again.
    database: ArcSwapOption<Database>,
    availability: Availability,
    /// Opens it; reads all of it first if asked to.
    open: Open,
}

impl FileStore {
    /// Opens the store at `path`, or makes one. Blocks.
    ///
    /// # Errors
    ///
    /// The file can't be used, unless `later` says that it is opened as soon as it can be.
    pub(super) fn open(path: &Path, later: bool, runtime: Handle) -> Result<Self, String> {
        let (name, path) = (path.display().to_string(), path.to_owned());
        let open = move |check| database::open(&path, check);
        Self::open_by(name, Box::new(open), later, runtime)
    }

    fn open_by(name: String, open: Open, later: bool, runtime: Handle) -> Result<Self, String> {
        let availability = Availability::new(format!("the file `{name}`"));
        let database = match open(false) {
            Ok(database) => Some(Arc::new(database)),
            Err(fault) if later => {
                availability.failed(Trouble::Away, &fault.why);
                None
            }
            Err(fault) => return Err(fault.why),
        };
        let shared = Arc::new(Shared {
            database: ArcSwapOption::new(database),
            availability,
            open,
        });
        let (changes, jobs) = channel();
        writer::start(Arc::clone(&shared), jobs)
            .map_err(|error| format!("no thread for the store: {error}"))?;
        Ok(Self {
            shared,
            changes,
            room: Arc::new(Semaphore::new(QUEUE)),
            runtime,
            timeout: TIMEOUT,
        })
    }

    fn change(&self, change: Change) -> StoreAnswer {
        let refused = |why| StoreAnswer::Ready(Err(self.shared.failed(why)));
        // No change is larger than that.
        let size = u32::try_from(change.size()).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(size) else {
            return refused("changes of 64 MiB wait for the disk already");
        };
        let (reply, replied) = oneshot::channel();
        let job = Job {
            change,
            reply,
            _room: room,
        };
        if self.changes.send(job).is_err() {
            return refused("its thread has ended");
        }
        self.later(async { replied.await.ok() })
    }

    fn read(&self, namespace: &str, request: ReadRequest) -> StoreAnswer {
        let (shared, namespace) = (Arc::clone(&self.shared), namespace.to_owned());
        let runtime = self.runtime.clone();
        self.later(async move {
            let find = move |reading: &_, now| read(reading, &namespace, &request, now);
            let found = runtime.spawn_blocking(move || shared.read(find));
            found.await.ok()
        })
    }

    /// Waits for a reply, within bounds.
    fn later(
        &self,
        reply: impl Future<Output = Option<Result<StoreReply, StoreFailure>>> + Send + 'static,
    ) -> StoreAnswer {
        let (shared, limit) = (Arc::clone(&self.shared), self.timeout);
        // A plugin may await it on a runtime of its own.
        let reply = self
            .runtime
            .spawn(async move { timeout(limit, reply).await });
        StoreAnswer::Later(Box::pin(async move {
            match reply.await {
                Ok(Ok(Some(reply))) => reply,
                Ok(Err(_)) => Err(shared.failed(&format!("no answer within {limit:?}"))),
                Ok(Ok(None)) | Err(_) => Err(shared.failed("the server is shutting down")),
            }
        }))
    }
}

impl Shared {
    /// Runs `f` on what is committed. Blocks.
    fn read<T>(
        &self,
        f: impl FnOnce(&ReadTransaction, Now) -> Result<T, TableError>,
    ) -> Result<T, StoreFailure> {
        let Some(database) = self.database.load_full() else {
            return Err(self.unavailable());
        };
        let found = contained(|| {
            let reading = database.begin_read().map_err(fault)?;
            f(&reading, Now::read()).map_err(fault)
        });
        found.map_err(|fault| self.failed(&fault.why))
    }

    fn unavailable(&self) -> StoreFailure {
        let why = self.availability.reason();
        self.failed(why.as_deref().unwrap_or("it is being opened"))
    }

    fn failed(&self, why: &str) -> StoreFailure {
        let message = format!("{}: {why}", self.availability.engine());
        failure(StoreFailureKind::Unavailable, message)
    }
}

impl StoreEngine for FileStore {
    fn call(&self, namespace: &str, request: StoreRequest<'_>) -> StoreAnswer {
        match Change::of(namespace, request) {
            Ok(change) => self.change(change),
            Err(request) => self.read(namespace, request),
        }
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            engine: "file",
            place: Some(self.shared.availability.engine().to_owned()),
            trouble: self.shared.availability.reason(),
        }
    }

    fn namespaces(&self) -> NamespaceUses {
        let shared = Arc::clone(&self.shared);
        let found = self.runtime.spawn_blocking(move || shared.read(namespaces));
        Box::pin(async { found.await.unwrap_or_else(|_| Err(shutting_down())) })
    }
}

#[cfg(test)]
mod tests;
