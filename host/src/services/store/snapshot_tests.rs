//! Snapshots that are cut, damaged or of another version.

use proptest::prelude::*;

use super::*;

/// A snapshot with an entry of each kind, and where its parts begin.
fn written() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut snapshot = SnapshotWriter::begin(&mut bytes, Duration::from_secs(7)).unwrap();
    for (value, remaining) in [
        (RecordValue::Bytes(b"value"), None),
        (RecordValue::Number(-3), Some(Duration::from_secs(9))),
    ] {
        let (key, version) = (&b"n\0key"[..], 5);
        let record = Record {
            key,
            value,
            version,
            remaining,
        };
        snapshot.entry(&record).unwrap();
    }
    snapshot.end(6).unwrap();
    bytes
}

/// Reads to the end, and returns the number of entries.
fn read_all(bytes: &[u8]) -> Result<u64, SnapshotError> {
    let mut snapshot = SnapshotReader::begin(bytes)?;
    while snapshot.next()?.is_some() {}
    Ok(snapshot.entries)
}

#[test]
fn snapshot_is_read_as_it_was_written() {
    let bytes = written();
    let mut snapshot = SnapshotReader::begin(&bytes[..]).unwrap();
    assert_eq!(snapshot.clock, Duration::from_secs(7));
    let first = snapshot.next().unwrap().unwrap();
    assert_eq!((first.key, first.version), (&b"n\0key"[..], 5));
    assert_eq!(
        (first.value, first.remaining),
        (RecordValue::Bytes(b"value"), None)
    );
    let second = snapshot.next().unwrap().unwrap();
    assert_eq!(second.value, RecordValue::Number(-3));
    assert_eq!(second.remaining, Some(Duration::from_secs(9)));
    assert_eq!(snapshot.next().unwrap(), None);
    assert_eq!(snapshot.last_version, 6);
}

/// What [`written`] is in format 1. Where this test fails, the format must get another number: at an upgrade, one version writes
/// it and another reads it.
const FORMAT_1: &[u8] = b"stackup\0\x01\0\0\0\0\x86\x3b\xa1\x01\0\0\0\
    \x01\x05\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x05\0\0\0\x05\0\0\0n\0keyvalue\
    \x02\x05\0\0\0\0\0\0\0\0\x1a\x71\x18\x02\0\0\0\x05\0\0\0\x08\0\0\0n\0key\xfd\xff\xff\xff\xff\xff\xff\xff\
    \0\x02\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0";

#[test]
fn format_1_stays_what_other_versions_write_and_read() {
    assert_eq!(FORMAT, 1);
    assert_eq!(written(), FORMAT_1);
}

#[test]
fn cut_snapshot_is_refused_wherever_it_is_cut() {
    let whole = written();
    for length in 0..whole.len() {
        let error = read_all(&whole[..length]).unwrap_err();
        assert!(matches!(error, SnapshotError::Cut), "{length}: {error}");
    }
}

#[test]
fn damaged_snapshot_is_refused() {
    let whole = written();
    let changed = |at: usize, by: u8| {
        let mut bytes = whole.clone();
        bytes[at] = by;
        read_all(&bytes).unwrap_err().to_string()
    };
    assert_eq!(
        changed(0, b'x'),
        "it is damaged: it does not begin as a snapshot"
    );
    assert_eq!(
        changed(8, 9),
        "its format is 9, and this stackup reads format 1"
    );
    assert_eq!(
        changed(20, 3),
        "it is damaged: an entry is of no known kind"
    );
    // The most significant byte of the first key's length.
    assert_eq!(changed(40, 1), "it is damaged: an entry is too long");
    assert_eq!(
        changed(whole.len() - 16, 1),
        "it is damaged: entries are missing"
    );
    let more = [&whole[..], b"x"].concat();
    let error = read_all(&more).unwrap_err().to_string();
    assert_eq!(error, "it is damaged: something follows its end");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_allocate_much(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        begin in any::<bool>(),
    ) {
        let head = written()[..20].to_vec();
        let all = if begin { [head, bytes].concat() } else { bytes };
        if let Ok(mut snapshot) = SnapshotReader::begin(&all[..]) {
            while let Ok(Some(_)) = snapshot.next() {}
            prop_assert!(snapshot.text.capacity() <= 2 * (LONGEST_KEY + Store::MAX_VALUE));
        }
    }
}
