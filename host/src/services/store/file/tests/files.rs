//! Files that are damaged, of another format or somebody else's.

use redb::{Builder, ConcurrencyMode};

use super::*;

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
    let lengths = [1, 63, 320, HEADER].into_iter();
    let lengths = lengths.chain((1..16).map(|part| part * step));
    let cut = lengths.map(|length| whole[..length].to_vec());
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
                assert!(after.len() >= bytes.len());
                assert!(kept, "{number} has lost entries");
            }
        }
    }
    assert!(refused > 5, "{refused}");
}

#[test]
fn store_of_another_format_is_refused_and_stays() {
    let (_directory, path) = file();
    let subject = Subject::open(&path).unwrap();
    subject.set(b"k", b"v").unwrap();
    drop(subject);
    // As a version of stackup with other tables would write it, and as none does.
    let with_format = |format: Option<u64>| {
        let database = Builder::new()
            .set_concurrency_mode(ConcurrencyMode::MultiWriter)
            .open(&path)
            .unwrap();
        let writing = database.begin_write().unwrap();
        let mut meta = writing.open_table(tables::META).unwrap();
        match format {
            Some(format) => drop(meta.insert("format", format).unwrap()),
            None => drop(meta.remove("format").unwrap()),
        }
        drop(meta);
        writing.commit().unwrap();
    };
    let refused = |expected: &str| {
        let why = Subject::open(&path).err().unwrap();
        assert!(why.contains(expected), "{why}");
    };
    with_format(Some(2));
    refused("its format is 2, and this stackup knows format 1");
    with_format(None);
    refused("it does not say its format");
    with_format(Some(1));
    let found = Subject::open(&path).unwrap();
    let found = found.run(StoreRequest::Get { key: b"k" });
    assert!(matches!(found, Ok(StoreReply::Entry { .. })));
}
