//! On real files.

mod changes;
mod crashes;
mod disk;
mod files;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

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
