//! From one store to another, with the clock passed in.

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::prelude::*;
use stackup_plugin::abi::host::{StoreReply, StoreRequest};
use tokio::runtime::Runtime;

use super::super::MemoryStore;
use super::*;

/// The last version that the second store gave before it took over.
const SECOND: u64 = 1 << 40;

fn at(start: Instant, seconds: u64) -> Moment {
    Moment {
        now: start + Duration::from_secs(seconds),
        clock: Duration::from_secs(1000 + seconds),
    }
}

#[derive(Debug, Clone)]
enum Stored {
    Bytes(Vec<u8>),
    Number(i64),
}

fn stored() -> impl Strategy<Value = (Stored, Option<u64>)> {
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..50).prop_map(Stored::Bytes),
        any::<i64>().prop_map(Stored::Number),
    ];
    // Seconds to live, around the moments of the handover: 10 and 15.
    (value, proptest::option::of(1..30u64))
}

fn get(memory: &Memory, key: &[u8], now: Instant) -> StoreReply {
    memory.run("n", StoreRequest::Get { key }, now).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn entries_go_over_with_value_version_and_end(
        entries in proptest::collection::btree_map(proptest::collection::vec(any::<u8>(), 1..9), stored(), 0..40),
    ) {
        let runtime = Runtime::new().unwrap();
        let store = |last| MemoryStore::new(16 << 20, last, runtime.handle().clone());
        let (old, new) = (store(0), store(SECOND));
        let start = Instant::now();
        for (key, (value, ttl)) in &entries {
            let ttl = ttl.map(Duration::from_secs);
            let request = match value {
                Stored::Bytes(value) => StoreRequest::Set { key, value, ttl },
                Stored::Number(delta) => StoreRequest::Add { key, delta: *delta, ttl },
            };
            old.0.run("n", request, start).unwrap();
        }
        let mut bytes = Vec::new();
        old.0.save(&mut bytes, at(start, 10)).unwrap();
        // Five seconds later, in another process.
        let added = new.0.load(Cursor::new(bytes), at(start, 15)).unwrap();
        let living = |second: u64| entries.values().filter(|(_, ttl)| ttl.is_none_or(|ttl| ttl > second)).count();
        prop_assert_eq!(added, living(15) as u64);
        for second in [15, 16, 20, 29, 30] {
            let now = at(start, second).now;
            let found: BTreeMap<_, _> = entries.keys().map(|key| (key, get(&new.0, key, now))).collect();
            for (key, reply) in found {
                prop_assert_eq!(reply, get(&old.0, key, now), "{:?} at {}", key, second);
            }
        }
    }
}

#[test]
fn versions_keep_their_meaning() {
    let runtime = Runtime::new().unwrap();
    let store = |last| MemoryStore::new(16 << 20, last, runtime.handle().clone());
    let (old, new) = (store(0), store(SECOND));
    let start = Instant::now();
    let run = |store: &MemoryStore, request| store.0.run("n", request, start).unwrap();
    let set = |key, value| StoreRequest::Set {
        key,
        value,
        ttl: None,
    };
    let swap = |key, expected, value| StoreRequest::CompareAndSet {
        key,
        expected,
        value,
        ttl: None,
    };
    let StoreReply::Stored(before) = run(&old, set(b"k", b"old")) else {
        panic!("it is stored");
    };
    // While it builds its handlers, the new worker has stored this.
    let StoreReply::Stored(own) = run(&new, set(b"k", b"new")) else {
        panic!("it is stored");
    };
    run(&new, set(b"only", b"new"));
    let mut bytes = Vec::new();
    old.0.save(&mut bytes, at(start, 0)).unwrap();
    new.0.load(Cursor::new(bytes), at(start, 0)).unwrap();
    assert_eq!(run(&new, swap(b"k", Some(own), b"x")), StoreReply::Conflict);
    let StoreReply::Stored(after) = run(&new, swap(b"k", Some(before), b"swapped")) else {
        panic!("the version is still that of the entry");
    };
    // What the old worker gives from now on is given to nobody else.
    let StoreReply::Stored(late) = run(&old, set(b"k", b"late")) else {
        panic!("it is stored");
    };
    assert!(before < late && late < own && own < after);
    assert!(matches!(
        get(&new.0, b"only", start),
        StoreReply::Entry { .. }
    ));
    // A store that has counted beyond the new worker's versions.
    let beyond = store(SECOND + 1000);
    let mut bytes = Vec::new();
    beyond.0.save(&mut bytes, at(start, 0)).unwrap();
    new.0.load(Cursor::new(bytes), at(start, 0)).unwrap();
    assert_eq!(
        run(&new, set(b"k", b"v")),
        StoreReply::Stored(SECOND + 1001)
    );
}

#[test]
fn damaged_snapshot_adds_nothing() {
    let runtime = Runtime::new().unwrap();
    let store = |last| MemoryStore::new(16 << 20, last, runtime.handle().clone());
    let (old, new) = (store(0), store(SECOND));
    let start = Instant::now();
    for key in [b"a", b"b"] {
        let (delta, ttl) = (1, None);
        old.0
            .run("n", StoreRequest::Add { key, delta, ttl }, start)
            .unwrap();
    }
    let mut bytes = Vec::new();
    old.0.save(&mut bytes, at(start, 0)).unwrap();
    bytes.pop();
    let error = new.0.load(Cursor::new(bytes), at(start, 0)).unwrap_err();
    assert!(matches!(error, SnapshotError::Cut), "{error}");
    assert_eq!(new.0.entries.len(), 0);
}

#[test]
fn smaller_store_takes_what_fits() {
    let runtime = Runtime::new().unwrap();
    let store = |bytes| MemoryStore::new(bytes, 0, runtime.handle().clone());
    let (old, new) = (store(64 << 20), store(1 << 20));
    let start = Instant::now();
    let (small, large) = (vec![0; 1000], vec![0; 1 << 20]);
    for n in 0..4000u32 {
        let (key, value) = (&n.to_be_bytes()[..], &small[..]);
        let set = StoreRequest::Set {
            key,
            value,
            ttl: None,
        };
        old.0.run("n", set, start).unwrap();
    }
    let (key, value) = (&b"large"[..], &large[..]);
    let set = StoreRequest::Set {
        key,
        value,
        ttl: None,
    };
    old.0.run("n", set, start).unwrap();
    let mut bytes = Vec::new();
    old.0.save(&mut bytes, at(start, 0)).unwrap();
    assert_eq!(new.0.load(Cursor::new(bytes), at(start, 0)).unwrap(), 4000);
    assert!(new.0.entries.weight() <= 1 << 20);
    assert!(new.0.entries.len() > 500, "{}", new.0.entries.len());
    assert_eq!(get(&new.0, b"large", start), StoreReply::Missing);
}

/// `cargo test --release -p stackup --lib -- --ignored --nocapture time_to_hand_over`
#[test]
#[ignore = "a measurement"]
fn time_to_hand_over() {
    let runtime = Runtime::new().unwrap();
    let store = || MemoryStore::new(128 << 20, 0, runtime.handle().clone());
    let (old, new) = (store(), store());
    let start = Instant::now();
    let value = vec![0; 1024];
    for n in 0..65_536u32 {
        let key = &n.to_be_bytes()[..];
        let set = StoreRequest::Set {
            key,
            value: &value,
            ttl: None,
        };
        old.0.run("n", set, start).unwrap();
    }
    let file = tempfile::tempfile().unwrap();
    let begun = Instant::now();
    super::super::StoreEngine::save(&old, &file).unwrap();
    let saved = begun.elapsed();
    let begun = Instant::now();
    let entries = super::super::StoreEngine::load(&new, &file).unwrap();
    println!(
        "{entries} entries: saved in {saved:?}, loaded in {:?}",
        begun.elapsed()
    );
}
