//! What every engine must do, by comparison with a map.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use proptest::prelude::*;
use stackup_plugin::abi::host::{StoreAnswer, StoreReply, StoreRequest};
use tokio::runtime::Runtime;

use super::{MemoryStore, StoreEngine};

#[derive(Debug, Clone)]
enum Step {
    Get(u8),
    Set(u8, Vec<u8>),
    Delete(u8),
    Add(u8, i64),
    /// With the version that is there, or with another.
    Swap(u8, bool, Vec<u8>),
    Scan(Option<u8>, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..6u8;
    let value = proptest::collection::vec(any::<u8>(), 0..20);
    prop_oneof![
        key.clone().prop_map(Step::Get),
        (key.clone(), value.clone()).prop_map(|(key, value)| Step::Set(key, value)),
        (key.clone(), -9..9i64).prop_map(|(key, n)| Step::Set(key, n.to_string().into())),
        key.clone().prop_map(Step::Delete),
        (key.clone(), prop_oneof![-5..5i64, Just(i64::MAX)]).prop_map(|(key, n)| Step::Add(key, n)),
        (key.clone(), any::<bool>(), value)
            .prop_map(|(key, right, value)| Step::Swap(key, right, value)),
        (proptest::option::of(key), 1..5usize).prop_map(|(after, limit)| Step::Scan(after, limit)),
    ]
}

/// The simplest store that is right.
#[derive(Default)]
struct Model(BTreeMap<Vec<u8>, Vec<u8>>);

fn name(key: u8) -> Vec<u8> {
    vec![b'k', key]
}

fn call(
    runtime: &Runtime,
    engine: &dyn StoreEngine,
    request: StoreRequest<'_>,
) -> Option<StoreReply> {
    match engine.call("n", request) {
        StoreAnswer::Ready(reply) => reply.ok(),
        StoreAnswer::Later(later) => runtime.block_on(later).ok(),
    }
}

impl Model {
    /// Runs one step on both, and compares.
    fn run(&mut self, runtime: &Runtime, engine: &dyn StoreEngine, step: &Step) {
        let ask = |request: StoreRequest<'_>| call(runtime, engine, request);
        let get = |key: &[u8]| match ask(StoreRequest::Get { key }) {
            Some(StoreReply::Entry { value, version }) => Some((value.to_vec(), version)),
            _ => None,
        };
        match step {
            Step::Get(key) => {
                let key = name(*key);
                assert_eq!(get(&key).map(|found| found.0), self.0.get(&key).cloned());
            }
            Step::Set(key, value) => {
                let key = name(*key);
                let stored = ask(StoreRequest::Set {
                    key: &key,
                    value,
                    ttl: None,
                });
                let Some(StoreReply::Stored(version)) = stored else {
                    panic!("{stored:?}");
                };
                assert_eq!(get(&key), Some((value.clone(), version)));
                self.0.insert(key, value.clone());
            }
            Step::Delete(key) => {
                let key = name(*key);
                let expected = match self.0.remove(&key) {
                    Some(_) => StoreReply::Deleted,
                    None => StoreReply::Missing,
                };
                assert_eq!(ask(StoreRequest::Delete { key: &key }), Some(expected));
            }
            Step::Add(key, delta) => {
                let key = name(*key);
                let before = match self.0.get(&key) {
                    Some(text) => std::str::from_utf8(text)
                        .ok()
                        .and_then(|text| text.parse::<i64>().ok()),
                    None => Some(0),
                };
                let sum = before.and_then(|before| before.checked_add(*delta));
                let added = ask(StoreRequest::Add {
                    key: &key,
                    delta: *delta,
                    ttl: None,
                });
                assert_eq!(added, sum.map(StoreReply::Number));
                if let Some(sum) = sum {
                    self.0.insert(key, sum.to_string().into());
                }
            }
            Step::Swap(key, right, value) => {
                let key = name(*key);
                let current = get(&key).map(|found| found.1);
                let expected = match right {
                    true => current,
                    false => Some(current.unwrap_or_default() + 1),
                };
                let swapped = ask(StoreRequest::CompareAndSet {
                    key: &key,
                    expected,
                    value,
                    ttl: None,
                });
                assert_eq!(matches!(swapped, Some(StoreReply::Stored(_))), *right);
                assert_eq!(matches!(swapped, Some(StoreReply::Conflict)), !*right);
                if *right {
                    self.0.insert(key, value.clone());
                }
            }
            Step::Scan(after, limit) => {
                let after = after.map(name);
                let scan = StoreRequest::Scan {
                    prefix: b"k",
                    after: after.as_deref(),
                    limit: *limit,
                };
                let Some(StoreReply::Page { entries, more }) = ask(scan) else {
                    panic!("a scan has a page");
                };
                let follows = |key: &Vec<u8>| after.as_ref().is_none_or(|after| key > after);
                let all: Vec<_> = self.0.iter().filter(|(key, _)| follows(key)).collect();
                assert_eq!(more, all.len() > *limit);
                let found: Vec<_> = entries
                    .iter()
                    .map(|(key, value, _)| (key.clone(), value.to_vec()))
                    .collect();
                let expected: Vec<_> = all
                    .into_iter()
                    .take(*limit)
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                assert_eq!(found, expected);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn memory_store_does_what_a_map_does(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = Runtime::new().unwrap();
        let engine = MemoryStore::new(16 << 20, 0, runtime.handle().clone());
        let mut model = Model::default();
        for step in &steps {
            model.run(&runtime, &engine, step);
        }
    }
}

#[test]
fn concurrent_adds_and_swaps_lose_nothing() {
    let runtime = Runtime::new().unwrap();
    let engine: Arc<dyn StoreEngine> =
        Arc::new(MemoryStore::new(16 << 20, 0, runtime.handle().clone()));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let engine = Arc::clone(&engine);
            thread::spawn(move || {
                for _ in 0..500 {
                    let added = engine.call(
                        "n",
                        StoreRequest::Add {
                            key: b"added",
                            delta: 1,
                            ttl: None,
                        },
                    );
                    assert!(matches!(
                        added,
                        StoreAnswer::Ready(Ok(StoreReply::Number(_)))
                    ));
                    while !swapped_one_more(&*engine) {}
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    for key in [&b"added"[..], b"swapped"] {
        let Some(StoreReply::Entry { value, .. }) =
            call(&runtime, &*engine, StoreRequest::Get { key })
        else {
            panic!("the counter is there");
        };
        assert_eq!(value, "2000");
    }
}

/// Reads a number and stores the next one, if nobody else was faster.
fn swapped_one_more(engine: &dyn StoreEngine) -> bool {
    let key = b"swapped";
    let (number, expected) = match engine.call("n", StoreRequest::Get { key }) {
        StoreAnswer::Ready(Ok(StoreReply::Entry { value, version })) => (
            std::str::from_utf8(&value).unwrap().parse::<u64>().unwrap(),
            Some(version),
        ),
        _ => (0, None),
    };
    let value = (number + 1).to_string();
    let swap = StoreRequest::CompareAndSet {
        key,
        expected,
        value: value.as_bytes(),
        ttl: None,
    };
    matches!(
        engine.call("n", swap),
        StoreAnswer::Ready(Ok(StoreReply::Stored(_)))
    )
}
