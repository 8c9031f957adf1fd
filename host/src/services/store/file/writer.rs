//! The thread that writes: it takes all changes that wait, commits them at once, and then answers.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase};
use stackup_plugin::abi::host::{StoreFailure, StoreReply};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Shared;
use super::change::Change;
use super::database::{Fault, FaultKind, begin_write, contained, fault};
use super::tables::{Now, Tables, has_expired};
use crate::services::store::availability::Trouble;

/// The most changes of a commit, and the most bytes.
const MOST: usize = 1000;
const MOST_BYTES: usize = 16 << 20;

/// How often the writer looks for entries that have expired, and for a file that was away.
const IDLE: Duration = Duration::from_secs(1);

/// The least time between two attempts to open the file.
const REOPEN: Duration = Duration::from_millis(100);

/// The most expired entries that an idle writer removes at once.
const SWEEP: usize = 1000;

/// A change that waits for its commit.
pub(super) struct Job {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<StoreReply, StoreFailure>>,
    /// Its part of what may wait.
    pub(super) _room: OwnedSemaphorePermit,
}

/// Starts the thread. It ends when nobody can send jobs any more.
pub(super) fn start(shared: Arc<Shared>, jobs: Receiver<Job>) -> io::Result<()> {
    let mut writer = Writer {
        shared,
        jobs,
        opened: None,
        check: false,
    };
    let thread = thread::Builder::new().name("store".to_owned());
    thread.spawn(move || while writer.work() {})?;
    Ok(())
}

struct Writer {
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    /// The last attempt to open the file.
    opened: Option<Instant>,
    /// Whether the file may be damaged: then all of it is read before it is used.
    check: bool,
}

impl Writer {
    /// Waits for changes and commits them. False at the end.
    fn work(&mut self) -> bool {
        let batch = match self.jobs.recv_timeout(IDLE) {
            Ok(job) => self.collect(job),
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        let Some(database) = self.database() else {
            for job in batch {
                answer(job, Err(self.shared.unavailable()));
            }
            return true;
        };
        if batch.is_empty() && !self.is_needed(&database) {
            return true;
        }
        let most = match batch.len() {
            0 => SWEEP,
            changes => 2 * changes,
        };
        // Without changes, only a commit shows whether it works again.
        let anyway = self.shared.availability.reason().is_some();
        match contained(|| commit(&database, &batch, most, anyway)) {
            Ok(replies) => {
                self.shared.availability.worked(Trouble::NoWrites);
                for (job, reply) in batch.into_iter().zip(replies) {
                    answer(job, reply);
                }
            }
            Err(fault) => {
                if fault.kind != FaultKind::Busy {
                    // The database refuses everything until it is opened again.
                    self.shared.database.store(None);
                    drop(database);
                }
                self.check |= fault.kind == FaultKind::Damaged;
                let availability = &self.shared.availability;
                availability.failed(Trouble::NoWrites, &fault.why);
                for job in batch {
                    answer(job, Err(self.shared.unavailable()));
                }
            }
        }
        true
    }

    /// All that waits, within bounds.
    fn collect(&self, first: Job) -> Vec<Job> {
        let mut bytes = first.change.size();
        let mut batch = vec![first];
        while batch.len() < MOST && bytes < MOST_BYTES {
            let Ok(job) = self.jobs.try_recv() else { break };
            bytes += job.change.size();
            batch.push(job);
        }
        batch
    }

    /// The database; opened again if it was closed after a failure.
    fn database(&mut self) -> Option<Arc<Database>> {
        if let Some(database) = &*self.shared.database.load() {
            return Some(Arc::clone(database));
        }
        if self.opened.is_some_and(|last| last.elapsed() < REOPEN) {
            return None;
        }
        self.opened = Some(Instant::now());
        match (self.shared.open)(self.check) {
            Ok(database) => {
                let database = Arc::new(database);
                self.shared.database.store(Some(Arc::clone(&database)));
                self.shared.availability.worked(Trouble::Away);
                self.check = false;
                Some(database)
            }
            Err(fault) => {
                self.shared.availability.failed(Trouble::Away, &fault.why);
                None
            }
        }
    }

    /// Whether a commit without changes is of use: to remove what has expired, or to see whether it works again.
    fn is_needed(&self, database: &Database) -> bool {
        let expired = || {
            contained(|| {
                let reading = database.begin_read().map_err(fault)?;
                has_expired(&reading, Now::read()).map_err(fault)
            })
        };
        self.shared.availability.reason().is_some() || expired().unwrap_or(true)
    }
}

/// Runs the changes in one transaction, and removes at most `most` entries that have expired. If nothing has changed by that,
/// writes nothing, unless `anyway`.
fn commit(
    database: &Database,
    batch: &[Job],
    most: usize,
    anyway: bool,
) -> Result<Vec<Result<StoreReply, StoreFailure>>, Fault> {
    let transaction = begin_write(database)?;
    let replies = (|| {
        let mut tables = Tables::open(&transaction, Now::read())?;
        let replies = batch.iter().map(|job| tables.run(&job.change));
        let replies = replies.collect::<Result<Vec<_>, _>>()?;
        tables.sweep(most)?;
        let write = tables.changed || anyway;
        if write {
            tables.finish()?;
        }
        Ok::<_, redb::Error>((replies, write))
    })();
    let (replies, write) = replies.map_err(fault)?;
    match write {
        true => transaction.commit().map_err(fault)?,
        false => transaction.abort().map_err(fault)?,
    }
    Ok(replies)
}

fn answer(job: Job, reply: Result<StoreReply, StoreFailure>) {
    // Whoever asked may have given up.
    let _ = job.reply.send(reply);
}
