//! On real files: crashes of processes, a full disk, files that are damaged or somebody else's.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::ops::Bound;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;
use crate::services::store::model_tests::suite;

struct Subject {
    runtime: Runtime,
    store: Arc<dyn StoreEngine>,
}

impl Subject {
    fn open(path: &Path) -> Result<Self, String> {
        let runtime = Runtime::new().unwrap();
        let store = Arc::new(FileStore::open(path, false, runtime.handle().clone())?);
        Ok(Self { runtime, store })
    }

    fn run(&self, request: StoreRequest<'_>) -> Result<StoreReply, StoreFailure> {
        match self.store.call("n", request) {
            StoreAnswer::Ready(reply) => reply,
            StoreAnswer::Later(later) => self.runtime.block_on(later),
        }
    }

    fn set(&self, key: &[u8], value: &[u8]) -> Result<StoreReply, StoreFailure> {
        let ttl = None;
        self.run(StoreRequest::Set { key, value, ttl })
    }

    fn add(&self, key: &[u8]) -> Result<i64, StoreFailure> {
        let (delta, ttl) = (1, None);
        match self.run(StoreRequest::Add { key, delta, ttl })? {
            StoreReply::Number(number) => Ok(number),
            other => panic!("{other:?}"),
        }
    }

    fn number(&self, key: &[u8]) -> i64 {
        match self.run(StoreRequest::Get { key }) {
            Ok(StoreReply::Entry { value, .. }) => {
                std::str::from_utf8(&value).unwrap().parse().unwrap()
            }
            Ok(StoreReply::Missing) => 0,
            other => panic!("{other:?}"),
        }
    }

    fn until(&self, expected: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + stackup_tests::DEADLINE;
        while !expected(self) {
            assert!(Instant::now() < deadline);
            thread::yield_now();
        }
    }
}

/// In memory if there is such a folder: a disk takes milliseconds for each commit.
fn file() -> (TempDir, PathBuf) {
    let memory = Path::new("/dev/shm");
    let directory = match tempfile::tempdir_in(memory) {
        Ok(directory) => directory,
        Err(_) => tempfile::tempdir().unwrap(),
    };
    let path = directory.path().join("store.redb");
    (directory, path)
}

#[test]
fn file_store_keeps_the_model() {
    let (_directory, path) = file();
    let subject = Subject::open(&path).unwrap();
    suite(&subject.runtime, &subject.store);
}

#[test]
fn two_workers_share_a_file() {
    let (_directory, path) = file();
    let (one, two) = (Subject::open(&path).unwrap(), Subject::open(&path).unwrap());
    for n in 0..20 {
        assert_eq!(one.add(b"k"), Ok(2 * n + 1));
        assert_eq!(two.add(b"k"), Ok(2 * n + 2));
    }
    drop(one);
    assert_eq!(two.add(b"k"), Ok(41));
    drop(two);
    assert_eq!(Subject::open(&path).unwrap().number(b"k"), 40 + 1);
}

#[test]
fn file_of_a_store_is_its_owners_alone() {
    use std::os::unix::fs::MetadataExt;
    let (_directory, path) = file();
    Subject::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}

const CHILD: &str = "STACKUP_TEST_FILE_STORE";

/// Counts until it is killed, and says each count that was acknowledged.
fn count_for_ever(path: &Path, own: &[u8]) {
    let subject = Subject::open(path).unwrap();
    loop {
        let shared = subject.add(b"shared");
        let own = subject.add(own);
        if let (Ok(shared), Ok(own)) = (shared, own) {
            println!("acknowledged {shared} {own}");
        }
    }
}

struct Counter {
    process: Child,
    said: io::Lines<BufReader<ChildStdout>>,
    own: i64,
}

impl Counter {
    fn start(path: &Path, own: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["killed_writers_lose_nothing_acknowledged", "--nocapture"])
            .env(CHILD, path)
            .env("STACKUP_TEST_KEY", own.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        let own = 0;
        Self { process, said, own }
    }

    /// Waits for more acknowledged counts, and returns the last shared one.
    fn acknowledged(&mut self, more: usize) -> i64 {
        let mut last = 0;
        for _ in 0..more {
            let line = self.said.by_ref().map_while(Result::ok);
            let counts = line
                .filter_map(|line| Some(line.split_once("acknowledged ")?.1.to_owned()))
                .next();
            let counts = counts.expect("it counts until it is killed");
            let (shared, own) = counts.split_once(' ').unwrap();
            last = shared.parse().unwrap();
            self.own = own.parse().unwrap();
        }
        last
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn killed_writers_lose_nothing_acknowledged() {
    if let Some(path) = std::env::var_os(CHILD) {
        let own = std::env::var("STACKUP_TEST_KEY").unwrap();
        return count_for_ever(Path::new(&path), own.as_bytes());
    }
    let (_directory, path) = file();
    let mut killed: Vec<i64> = Vec::new();
    let mut shared = 0;
    let mut stays = Counter::start(&path, 0);
    for round in 1..=20 {
        // Two write at once, as during a renewal; one is killed, somewhere in a commit.
        let mut next = Counter::start(&path, round);
        shared = shared.max(stays.acknowledged(1 + round % 5));
        shared = shared.max(next.acknowledged(1 + round % 3));
        stays.kill();
        killed.push(stays.own);
        shared = shared.max(next.acknowledged(2));
        stays = next;
    }
    stays.kill();
    killed.push(stays.own);
    let subject = Subject::open(&path).unwrap();
    assert!(subject.number(b"shared") >= shared);
    for (number, acknowledged) in killed.iter().enumerate() {
        let found = subject.number(number.to_string().as_bytes());
        assert!(
            found >= *acknowledged,
            "{number}: {found} of {acknowledged}"
        );
    }
    let all: i64 = (0..killed.len())
        .map(|number| subject.number(number.to_string().as_bytes()))
        .sum();
    // A writer may be killed between its two counts.
    let most = all + i64::try_from(killed.len()).unwrap();
    assert!((all..=most).contains(&subject.number(b"shared")));
}

#[test]
fn file_of_something_else_is_refused_and_stays() {
    let (directory, path) = file();
    let refused = |content: &[u8], expected: &str| {
        fs::write(&path, content).unwrap();
        let why = Subject::open(&path).err().unwrap();
        assert!(why.contains(expected), "{why}");
        assert_eq!(fs::read(&path).unwrap(), content);
    };
    refused(b"name,price\n", "no store of stackup");
    refused(&[0; 8192], "no store of stackup");
    fs::remove_file(&path).unwrap();
    let other = Database::create(&path).unwrap();
    let writing = other.begin_write().unwrap();
    let table = redb::TableDefinition::<u64, u64>::new("prices");
    writing.open_table(table).unwrap();
    writing.commit().unwrap();
    let why = Subject::open(&path).err().unwrap();
    assert!(why.contains("open for itself alone"), "{why}");
    drop(other);
    let why = Subject::open(&path).err().unwrap();
    assert!(why.contains("a table `prices`"), "{why}");
    let why = Subject::open(directory.path()).err().unwrap();
    assert!(why.contains("no file"), "{why}");
    let why = Subject::open(&directory.path().join("no/store")).err();
    assert!(why.unwrap().contains("does not exist"));
}

/// The bytes of redb's header.
const HEADER: usize = 4096;

#[test]
fn damaged_file_is_refused_or_read_and_never_emptied() {
    let (_directory, path) = file();
    let subject = Subject::open(&path).unwrap();
    for n in 0..200u32 {
        subject.set(&n.to_be_bytes(), &[7; 500]).unwrap();
    }
    drop(subject);
    let whole = fs::read(&path).unwrap();
    let step = whole.len() / 16;
    let cut = (1..16).map(|part| whole[..part * step].to_vec());
    let overwritten = (0..16).map(|part| {
        let mut bytes = whole.clone();
        bytes[part * step..part * step + 64].fill(0xaa);
        bytes
    });
    let mut refused = 0;
    for (number, bytes) in cut.chain(overwritten).enumerate() {
        let copy = path.with_extension(number.to_string());
        fs::write(&copy, &bytes).unwrap();
        match Subject::open(&copy) {
            Ok(subject) => {
                // What is read is right, or an error; nothing hangs.
                for n in 0..200u32 {
                    match subject.run(StoreRequest::Get {
                        key: &n.to_be_bytes(),
                    }) {
                        Ok(StoreReply::Entry { .. } | StoreReply::Missing) | Err(_) => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
            Err(_) => {
                refused += 1;
                // But for the header, where the library notes that the file was not closed.
                let (before, after) = (bytes.get(HEADER..), fs::read(&copy).unwrap());
                let kept = before.is_none_or(|before| after[HEADER..].starts_with(before));
                assert!(kept, "{number} has lost entries");
            }
        }
    }
    assert!(refused > 5, "{refused}");
}

/// A file on a disk that can be full, and counts what is written to it for good.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    state: Arc<DiskState>,
}

#[derive(Debug, Default)]
struct DiskState {
    full: AtomicBool,
    syncs: AtomicUsize,
}

impl Disk {
    fn has_room(&self) -> io::Result<()> {
        match self.state.full.load(Ordering::SeqCst) {
            true => Err(ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.has_room()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.state.syncs.fetch_add(1, Ordering::SeqCst);
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
fn on_disk(path: &Path) -> (Subject, Arc<DiskState>) {
    let state = Arc::new(DiskState::default());
    let (disk, path) = (Arc::clone(&state), path.to_owned());
    let open = move |check| {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = FileBackend::new(options.open(&path).unwrap()).unwrap();
        let state = Arc::clone(&disk);
        database::open_backend(Disk { file, state }, check)
    };
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let store = FileStore::open_by("disk".to_owned(), Box::new(open), false, handle).unwrap();
    let store = Arc::new(store);
    (Subject { runtime, store }, state)
}

#[test]
fn full_disk_is_a_reason_and_ends() {
    let (_directory, path) = file();
    let (subject, disk) = on_disk(&path);
    subject.set(b"before", b"v").unwrap();
    disk.full.store(true, Ordering::SeqCst);
    let large = vec![1; 1 << 20];
    let failed = subject.set(b"large", &large).unwrap_err();
    assert_eq!(failed.kind, StoreFailureKind::Unavailable);
    assert!(
        failed.message.starts_with("the file `disk`: "),
        "{failed:?}"
    );
    let reason = subject.store.status().trouble.unwrap();
    assert!(reason.contains("no storage space"), "{reason}");
    disk.full.store(false, Ordering::SeqCst);
    // The writer sees by itself that there is room again.
    subject.until(|subject| subject.store.status().trouble.is_none());
    subject.set(b"large", &large).unwrap();
    let before = subject.run(StoreRequest::Get { key: b"before" });
    assert!(matches!(before, Ok(StoreReply::Entry { .. })));
}

#[test]
fn changes_that_wait_are_committed_together() {
    const CHANGES: usize = 400;
    let (_directory, path) = file();
    let (subject, disk) = on_disk(&path);
    let before = disk.syncs.load(Ordering::SeqCst);
    let add = || {
        let (key, delta, ttl) = (b"k", 1, None);
        match subject
            .store
            .call("n", StoreRequest::Add { key, delta, ttl })
        {
            StoreAnswer::Later(later) => later,
            StoreAnswer::Ready(_) => panic!("a change waits for the disk"),
        }
    };
    let waiting: Vec<_> = (0..CHANGES).map(|_| add()).collect();
    for later in waiting {
        subject.runtime.block_on(later).unwrap();
    }
    assert_eq!(subject.number(b"k"), 400);
    let syncs = disk.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs < CHANGES / 2, "{syncs}");
}

#[test]
fn writer_that_never_ends_costs_bounded_time() {
    let (_directory, path) = file();
    let subject = Subject::open(&path).unwrap();
    subject.set(b"k", b"v").unwrap();
    let other = database::open(&path, false).unwrap();
    let writing = other.begin_write().unwrap();
    let failed = subject.set(b"k", b"w").unwrap_err();
    assert!(failed.message.contains("another process"), "{failed:?}");
    let found = subject.run(StoreRequest::Get { key: b"k" });
    assert!(matches!(found, Ok(StoreReply::Entry { .. })));
    drop(writing);
    subject.until(|subject| subject.set(b"k", b"w").is_ok());
}

#[test]
fn expired_entries_leave_the_file() {
    let (_directory, path) = file();
    let subject = Subject::open(&path).unwrap();
    let ttl = Some(Duration::from_millis(1));
    for n in 0..50u32 {
        let (key, value) = (&n.to_be_bytes()[..], &b"v"[..]);
        subject.run(StoreRequest::Set { key, value, ttl }).unwrap();
    }
    let reader = database::open(&path, false).unwrap();
    // Without any call: the idle writer does it.
    subject.until(|_| {
        let reading = reader.begin_read().unwrap();
        tables::count(&reading).unwrap() == (0, 0)
    });
}

#[test]
fn file_that_can_not_be_opened_yet_is_opened_later() {
    let (directory, _) = file();
    let path = directory.path().join("later/store");
    let runtime = Runtime::new().unwrap();
    let store = FileStore::open(&path, true, runtime.handle().clone()).unwrap();
    let store = Arc::new(store);
    let subject = Subject { runtime, store };
    let failed = subject.set(b"k", b"v").unwrap_err();
    assert!(failed.message.contains("does not exist"), "{failed:?}");
    fs::create_dir(path.parent().unwrap()).unwrap();
    subject.until(|subject| subject.set(b"k", b"v").is_ok());
    assert_eq!(subject.store.status().trouble, None);
}
