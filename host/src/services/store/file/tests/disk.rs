//! A disk that can be full, slow or unreliable.

use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::*;

/// A file on a disk that can be full, and counts what is written to it for good.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) file: FileBackend,
    pub(super) state: Arc<DiskState>,
}

#[derive(Debug)]
pub(super) struct DiskState {
    /// How many more writes it has room for.
    pub(super) room: AtomicUsize,
    /// How many writes there was no room for.
    pub(super) refused: AtomicUsize,
    syncs: AtomicUsize,
    /// While a test has it, nothing is written for good.
    pub(super) gate: Mutex<()>,
    /// Whether somebody waits for the gate.
    pub(super) waits: AtomicBool,
    /// Whether what it reads is nonsense.
    pub(super) garbles: AtomicBool,
    /// The times that it was opened: each with whether all of it was read first.
    pub(super) opened: Mutex<Vec<bool>>,
}

impl DiskState {
    pub(super) fn with_room(writes: usize) -> Arc<Self> {
        Arc::new(Self {
            room: AtomicUsize::new(writes),
            refused: AtomicUsize::new(0),
            syncs: AtomicUsize::new(0),
            gate: Mutex::default(),
            waits: AtomicBool::new(false),
            garbles: AtomicBool::new(false),
            opened: Mutex::default(),
        })
    }

    pub(super) fn syncs(&self) -> usize {
        self.syncs.load(Ordering::SeqCst)
    }
}

impl Disk {
    fn has_room(&self) -> io::Result<()> {
        let room = &self.state.room;
        let less = |left: usize| left.checked_sub(usize::from(left != usize::MAX));
        match room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => Ok(()),
            Err(_) => {
                self.state.refused.fetch_add(1, Ordering::SeqCst);
                Err(ErrorKind::StorageFull.into())
            }
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)?;
        if self.state.garbles.load(Ordering::SeqCst) {
            out.fill(0xaa);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.has_room()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.state.syncs.fetch_add(1, Ordering::SeqCst);
        self.state.waits.store(true, Ordering::SeqCst);
        drop(self.state.gate.lock().unwrap());
        self.state.waits.store(false, Ordering::SeqCst);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.has_room()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(from, to)
    }

    fn try_lock_shared_range(
        &self,
        from: Bound<u64>,
        to: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(from, to)
    }

    fn lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(from, to)
    }

    fn lock_shared_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(from, to)
    }

    fn unlock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(from, to)
    }

    fn query_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(from, to)
    }
}

/// A store on such a disk.
pub(super) fn on_disk(path: &Path) -> (Subject, Arc<DiskState>) {
    on_disk_within(path, TIMEOUT)
}

/// The same, with another time for calls.
pub(super) fn on_disk_within(path: &Path, timeout: Duration) -> (Subject, Arc<DiskState>) {
    let state = DiskState::with_room(usize::MAX);
    let (disk, path) = (Arc::clone(&state), path.to_owned());
    let open = move |check| {
        disk.opened.lock().unwrap().push(check);
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = FileBackend::new(options.open(&path).unwrap()).unwrap();
        let state = Arc::clone(&disk);
        database::open_backend(Disk { file, state }, check)
    };
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let store = FileStore::open_by("disk".to_owned(), Box::new(open), false, handle).unwrap();
    let store = Arc::new(FileStore { timeout, ..store });
    (Subject { runtime, store }, state)
}
