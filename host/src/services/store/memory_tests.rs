//! Expiry and eviction.

use tokio::runtime::Runtime;

use super::super::model_tests::suite;
use super::*;

fn set<'a>(key: &'a [u8], value: &'a [u8], ttl: u64) -> StoreRequest<'a> {
    let ttl = Some(Duration::from_secs(ttl));
    StoreRequest::Set { key, value, ttl }
}

#[test]
fn memory_store_keeps_the_model() {
    let runtime = Runtime::new().unwrap();
    let store = MemoryStore::new(16 << 20, 0, runtime.handle().clone());
    let engine: Arc<dyn StoreEngine> = Arc::new(store);
    suite(&runtime, &engine);
}

#[test]
fn entry_and_counter_expire() {
    let runtime = Runtime::new().unwrap();
    let store = MemoryStore::new(16 << 20, 0, runtime.handle().clone());
    let start = Instant::now();
    let run = |request: StoreRequest<'_>, second: u64| {
        store
            .0
            .run("n", request, start + Duration::from_secs(second))
            .unwrap()
    };
    let get = |key, second| run(StoreRequest::Get { key }, second);
    let add = |second| {
        let ttl = Some(Duration::from_secs(10));
        run(
            StoreRequest::Add {
                key: b"n",
                delta: 1,
                ttl,
            },
            second,
        )
    };
    run(set(b"k", b"v", 10), 0);
    assert!(matches!(get(b"k", 9), StoreReply::Entry { .. }));
    assert_eq!(get(b"k", 10), StoreReply::Missing);
    assert_eq!(add(0), StoreReply::Number(1));
    // A later `add` does not prolong it.
    assert_eq!(add(9), StoreReply::Number(2));
    assert_eq!(add(10), StoreReply::Number(1));
    run(set(b"k", b"v", 10), 20);
    let swap = |expected, second| {
        let (key, value, ttl) = (&b"k"[..], &b"w"[..], None);
        run(
            StoreRequest::CompareAndSet {
                key,
                expected,
                value,
                ttl,
            },
            second,
        )
    };
    assert_eq!(swap(None, 29), StoreReply::Conflict);
    assert!(matches!(swap(None, 30), StoreReply::Stored(_)));
    run(set(b"k", b"v", 10), 40);
    assert_eq!(
        run(StoreRequest::Delete { key: b"k" }, 50),
        StoreReply::Missing
    );
}

#[test]
fn full_store_drops_what_is_not_used() {
    let runtime = Runtime::new().unwrap();
    let store = MemoryStore::new(1 << 20, 0, runtime.handle().clone());
    let now = Instant::now();
    let value = [0; 1000];
    let hot = &b"hot"[..];
    store.0.run("n", set(hot, &value, 1000), now).unwrap();
    for n in 0..10_000u32 {
        store
            .0
            .run("n", set(&n.to_be_bytes(), &value, 1000), now)
            .unwrap();
        let found = store
            .0
            .run("n", StoreRequest::Get { key: hot }, now)
            .unwrap();
        assert!(matches!(found, StoreReply::Entry { .. }), "{n}");
    }
    assert!(store.0.entries.weight() <= 1 << 20);
    let largest = usize::try_from(store.0.largest).unwrap();
    let failed = store
        .0
        .run("n", set(b"k", &vec![0; largest], 1), now)
        .unwrap_err();
    assert_eq!(failed.kind, StoreFailureKind::TooLarge);
}

/// What the process has in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() << 10
}

/// `cargo test --release -p stackup --lib -- --ignored --nocapture million_clients`
#[test]
#[ignore = "a measurement"]
fn million_clients_stay_within_the_bound() {
    const CLIENTS: u32 = 1_000_000;
    let runtime = Runtime::new().unwrap();
    for bytes in [64 << 20, 256 << 20] {
        let store = MemoryStore::new(bytes, 0, runtime.handle().clone());
        let (before, start) = (resident(), Instant::now());
        // As `throttle` does it: a client's bucket is looked up, and stored with its time.
        for client in 0..CLIENTS {
            let key = format!("rule:all:{}", std::net::Ipv4Addr::from(client));
            let (key, value) = (key.as_bytes(), &client.to_be_bytes().repeat(2)[..]);
            let (expected, ttl) = (None, Some(Duration::from_secs(60)));
            store
                .0
                .run("throttle", StoreRequest::Get { key }, start)
                .unwrap();
            let swap = StoreRequest::CompareAndSet {
                key,
                expected,
                value,
                ttl,
            };
            store.0.run("throttle", swap, start).unwrap();
        }
        let took = start.elapsed() / CLIENTS;
        let (kept, weight) = (store.0.entries.len(), store.0.entries.weight());
        let grown = resident().saturating_sub(before) >> 20;
        println!(
            "`memory` of {} MiB: {kept} clients kept, {} MiB by its own count, {grown} MiB more in the process, {took:?} each",
            bytes >> 20,
            weight >> 20
        );
        assert!(weight <= bytes);
    }
}
