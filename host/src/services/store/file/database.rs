//! The file as a database that several processes may have open: two workers do during a renewal.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{
    Builder, ConcurrencyMode, Database, ReadableDatabase, StorageBackend, TableHandle,
    TransactionError, WriteTransaction,
};

use super::tables::{META, Now, Tables};

/// The format of the tables. A file with another one is not opened.
const FORMAT: u64 = 1;

/// What is kept in memory of the file.
const CACHE: usize = 32 << 20;

/// How long to wait for another process that writes.
const WRITE_WAIT: Duration = Duration::from_secs(3);

/// The pause between two attempts to write.
const WRITE_PAUSE: Duration = Duration::from_micros(500);

/// Why the file does not work.
#[derive(Debug)]
pub(super) struct Fault {
    /// For people.
    pub(super) why: String,
    pub(super) kind: FaultKind,
}

/// What follows from a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// Another process writes: try again.
    Busy,
    /// What the file holds may be wrong.
    Damaged,
    /// It has to be opened again.
    Failed,
}

impl Fault {
    fn new(why: impl Into<String>) -> Self {
        let (why, kind) = (why.into(), FaultKind::Failed);
        Self { why, kind }
    }

    fn damaged(how: &str) -> Self {
        Self {
            why: format!(
                "it is damaged ({how}): put it aside to begin with an empty store, or put a copy in its place"
            ),
            kind: FaultKind::Damaged,
        }
    }
}

/// What an error of the library means.
pub(super) fn fault(error: impl Into<redb::Error>) -> Fault {
    match error.into() {
        redb::Error::Corrupted(how) => Fault::damaged(&how),
        redb::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
            Fault::new("it is no store of stackup: name another file, or put this one aside")
        }
        redb::Error::DatabaseAlreadyOpen => {
            Fault::new("another program has it open for itself alone")
        }
        redb::Error::LockProtocolMismatch => Fault::new(
            "a stackup of another version has it open, which locks it in another way: stop that one first",
        ),
        other => Fault::new(other.to_string()),
    }
}

/// Runs `f`. A panic of the library is an error: it means that the file is damaged.
pub(super) fn contained<T>(f: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Fault::damaged(message.unwrap_or("the reader panicked")))
    })
}

/// Opens the store in the file at `path`, or makes one if there is none. With `check`, reads the whole file first. Blocks.
///
/// # Errors
///
/// Why it can't be used. A file that is no store stays as it is, and one that is damaged keeps its entries.
pub(super) fn open(path: &Path, check: bool) -> Result<Database, Fault> {
    if let Some(file) = existing(path)? {
        return open_backend(backend(file)?, check);
    }
    create(path, |file| file)?;
    match existing(path)? {
        Some(file) => open_backend(backend(file)?, check),
        None => Err(Fault::new("somebody has removed it")),
    }
}

/// The file at `path`; none if there is none.
fn existing(path: &Path) -> Result<Option<File>, Fault> {
    // To open a pipe would wait for its other end.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(Fault::new("it is no file"));
    }
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::new(error.to_string())),
    }
}

/// Makes a store at `path` unless there is a file. It is made beside and gets its name when it is whole: so whatever ends this
/// process or the machine, no half of a store is found there later.
pub(super) fn create<B: StorageBackend>(
    path: &Path,
    wrap: impl FnOnce(FileBackend) -> B,
) -> Result<(), Fault> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    if !folder.is_dir() {
        let why = format!("the folder `{}` does not exist", folder.display());
        return Err(Fault::new(why));
    }
    let failed = |error: io::Error| Fault::new(format!("it can't be made: {error}"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Only its owner may read it: sessions are nobody else's business.
    let new = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".new")
        .tempfile_in(folder)
        .map_err(failed)?;
    let file = new.reopen().map_err(failed)?;
    // It is closed before others can open it.
    drop(open_backend(wrap(backend(file)?), false)?);
    new.as_file().sync_all().map_err(failed)?;
    match new.persist_noclobber(path) {
        Ok(_) => sync_folder(folder).map_err(failed),
        // Another process was faster: its store is as good.
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error.error)),
    }
}

/// Makes sure that a new name survives a crash of the machine.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn backend(file: File) -> Result<FileBackend, Fault> {
    FileBackend::new(file).map_err(fault)
}

/// The same for a file that is open.
pub(super) fn open_backend(backend: impl StorageBackend, check: bool) -> Result<Database, Fault> {
    // The library panics over some damage.
    contained(|| {
        let mut builder = Builder::new();
        builder
            .set_concurrency_mode(ConcurrencyMode::MultiWriter)
            .set_cache_size(CACHE)
            .set_check_integrity_on_open(check);
        let database = builder.create_with_backend(backend).map_err(fault)?;
        adopt(&database)?;
        Ok(database)
    })
}

/// Makes the tables in a new file, and refuses one that is another program's.
fn adopt(database: &Database) -> Result<(), Fault> {
    let reading = database.begin_read().map_err(fault)?;
    let tables = reading.list_tables().map_err(fault)?;
    let tables: Vec<_> = tables.map(|table| table.name().to_owned()).collect();
    if tables.iter().any(|name| name == META.name()) {
        let meta = reading.open_table(META).map_err(fault)?;
        let format = meta.get("format").map_err(fault)?;
        return match format.map(|format| format.value()) {
            Some(FORMAT) => Ok(()),
            Some(other) => Err(Fault::new(format!(
                "its format is {other}, and this stackup knows format {FORMAT}"
            ))),
            None => Err(Fault::damaged("it does not say its format")),
        };
    }
    if let Some(table) = tables.first() {
        return Err(Fault::new(format!(
            "it is the database of another program: it has a table `{table}`"
        )));
    }
    drop(reading);
    let writing = begin_write(database)?;
    let mut meta = writing.open_table(META).map_err(fault)?;
    meta.insert("format", FORMAT).map_err(fault)?;
    drop(meta);
    let tables = Tables::open(&writing, Now::read()).map_err(fault)?;
    tables.finish().map_err(fault)?;
    writing.commit().map_err(fault)
}

/// Begins to write as soon as no other process does, within bounds: one that is stopped may never end.
pub(super) fn begin_write(database: &Database) -> Result<WriteTransaction, Fault> {
    let deadline = Instant::now() + WRITE_WAIT;
    loop {
        match database.try_begin_write() {
            Err(TransactionError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(WRITE_PAUSE);
            }
            Err(TransactionError::WouldBlock) => {
                let why = format!("another process has been writing for {WRITE_WAIT:?}");
                let kind = FaultKind::Busy;
                return Err(Fault { why, kind });
            }
            other => return other.map_err(fault),
        }
    }
}
