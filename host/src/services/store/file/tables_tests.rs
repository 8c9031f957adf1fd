//! Without a file, and with the clock passed in.

use std::time::Duration;

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, ReadableDatabase};

use super::*;

fn database() -> Database {
    let database = Builder::new().create_with_backend(InMemoryBackend::new());
    database.unwrap()
}

/// This many milliseconds after the epoch.
fn at(milliseconds: u64) -> Now {
    Now {
        milliseconds,
        microseconds: milliseconds * 1000,
    }
}

/// Runs these changes in one transaction, and removes what has expired.
fn commit(database: &Database, now: Now, changes: &[Change]) -> Vec<StoreReply> {
    let writing = database.begin_write().unwrap();
    let mut tables = Tables::open(&writing, now).unwrap();
    let run = |change| tables.run(change).unwrap().unwrap();
    let replies = changes.iter().map(run).collect();
    tables.sweep(100).unwrap();
    tables.finish().unwrap();
    writing.commit().unwrap();
    replies
}

fn set(key: &[u8], value: &[u8], ttl: Option<u64>) -> Change {
    Change {
        key: full_key("n", key),
        kind: ChangeKind::Set {
            value: value.to_vec(),
            ttl: ttl.map(Duration::from_millis),
        },
    }
}

fn get(database: &Database, key: &[u8], now: Now) -> StoreReply {
    let request = ReadRequest::Get { key: key.to_vec() };
    read(&database.begin_read().unwrap(), "n", &request, now).unwrap()
}

#[test]
fn versions_grow_whatever_the_clock_does() {
    let database = database();
    let mut last = 0;
    // It stands still, and goes back.
    for now in [at(10), at(10), at(3), at(11)] {
        for reply in commit(
            &database,
            now,
            &[set(b"a", b"", None), set(b"b", b"", None)],
        ) {
            let StoreReply::Stored(version) = reply else {
                panic!("{reply:?}");
            };
            assert!(version > last, "{version} after {last}");
            last = version;
        }
    }
    // It is that of the clock: an older file in its place has none of them.
    assert!(last >= at(11).microseconds);
}

#[test]
fn entry_with_another_end_outlives_the_first() {
    let database = database();
    commit(
        &database,
        at(0),
        &[set(b"later", b"v", Some(10)), set(b"ever", b"v", Some(10))],
    );
    commit(
        &database,
        at(1),
        &[set(b"later", b"v", Some(50)), set(b"ever", b"v", None)],
    );
    let count = || count(&database.begin_read().unwrap()).unwrap();
    assert_eq!(count(), (2, 1));
    let is_there = |key: &[u8], now| matches!(get(&database, key, now), StoreReply::Entry { .. });
    commit(&database, at(20), &[]);
    assert!(is_there(b"later", at(50)) && is_there(b"ever", at(50)));
    assert!(!is_there(b"later", at(51)), "not removed yet, and gone");
    commit(&database, at(51), &[]);
    assert_eq!(count(), (1, 0));
}

#[test]
fn page_is_bounded_in_bytes() {
    let database = database();
    let value = vec![7; 1 << 20];
    let changes: Vec<_> = (0..9u8).map(|n| set(&[n], &value, None)).collect();
    commit(&database, at(0), &changes);
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        let request = ReadRequest::Scan {
            prefix: Vec::new(),
            after: after.take(),
            limit: 1000,
        };
        let page = read(&database.begin_read().unwrap(), "n", &request, at(0)).unwrap();
        let StoreReply::Page { entries, more } = page else {
            panic!("{page:?}");
        };
        pages.push(entries.len());
        after = entries.last().map(|entry| entry.0.clone());
        if !more {
            break;
        }
    }
    assert_eq!(pages, [3, 3, 3]);
}
