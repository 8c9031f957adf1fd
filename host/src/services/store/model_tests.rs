//! What every engine must do, by comparison with a map.
//!
//! [`suite`] runs it on one engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use stackup_plugin::abi::host::{StoreAnswer, StoreReply, StoreRequest};
use tokio::runtime::Runtime;

use super::StoreEngine;
use super::limits::number;

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

/// The simplest store that is right, on one namespace.
struct Model {
    namespace: String,
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The versions of each key.
    versions: BTreeSet<(Vec<u8>, u64)>,
}

fn name(key: u8) -> Vec<u8> {
    vec![b'k', key]
}

fn call(
    runtime: &Runtime,
    engine: &dyn StoreEngine,
    namespace: &str,
    request: StoreRequest<'_>,
) -> Option<StoreReply> {
    match engine.call(namespace, request) {
        StoreAnswer::Ready(reply) => reply.ok(),
        StoreAnswer::Later(later) => runtime.block_on(later).ok(),
    }
}

impl Model {
    fn new(namespace: String) -> Self {
        Self {
            namespace,
            entries: BTreeMap::new(),
            versions: BTreeSet::new(),
        }
    }

    /// No key has a version twice.
    fn changed(&mut self, key: &[u8], version: u64) {
        assert_ne!(version, 0);
        assert!(self.versions.insert((key.to_vec(), version)), "{version}");
    }

    /// Runs one step on both, and compares.
    fn run(&mut self, runtime: &Runtime, engine: &dyn StoreEngine, step: &Step) {
        let namespace = self.namespace.clone();
        let ask = |request: StoreRequest<'_>| call(runtime, engine, &namespace, request);
        let get = |key: &[u8]| match ask(StoreRequest::Get { key }) {
            Some(StoreReply::Entry { value, version }) => Some((value.to_vec(), version)),
            _ => None,
        };
        match step {
            Step::Get(key) => {
                let key = name(*key);
                assert_eq!(
                    get(&key).map(|found| found.0),
                    self.entries.get(&key).cloned()
                );
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
                self.changed(&key, version);
                self.entries.insert(key, value.clone());
            }
            Step::Delete(key) => {
                let key = name(*key);
                let expected = match self.entries.remove(&key) {
                    Some(_) => StoreReply::Deleted,
                    None => StoreReply::Missing,
                };
                assert_eq!(ask(StoreRequest::Delete { key: &key }), Some(expected));
            }
            Step::Add(key, delta) => {
                let key = name(*key);
                let before = match self.entries.get(&key) {
                    Some(text) => number(text),
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
                    let version = get(&key).map(|found| found.1);
                    self.changed(&key, version.unwrap_or_default());
                    self.entries.insert(key, sum.to_string().into());
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
                if let Some(StoreReply::Stored(version)) = swapped {
                    self.changed(&key, version);
                    self.entries.insert(key, value.clone());
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
                let all: Vec<_> = self
                    .entries
                    .iter()
                    .filter(|(key, _)| follows(key))
                    .collect();
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

/// Runs all of it. The engine may have entries of namespaces other than these.
pub(super) fn suite(runtime: &Runtime, engine: &Arc<dyn StoreEngine>) {
    does_what_a_map_does(runtime, &**engine);
    namespaces_are_separate(runtime, &**engine);
    entries_expire(runtime, &**engine);
    concurrent_adds_and_swaps_lose_nothing(runtime, engine);
}

fn does_what_a_map_does(runtime: &Runtime, engine: &dyn StoreEngine) {
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(64)
    });
    let steps = proptest::collection::vec(step(), 1..60);
    let case = std::cell::Cell::new(0);
    let result = runner.run(&steps, |steps| {
        case.set(case.get() + 1);
        let mut model = Model::new(format!("model-{}", case.get()));
        for step in &steps {
            model.run(runtime, engine, step);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn namespaces_are_separate(runtime: &Runtime, engine: &dyn StoreEngine) {
    let add = |namespace| {
        let (key, delta, ttl) = (b"k", 1, None);
        call(
            runtime,
            engine,
            namespace,
            StoreRequest::Add { key, delta, ttl },
        )
    };
    let scan = |namespace| {
        let (prefix, after, limit) = (b"", None, 10);
        let scan = StoreRequest::Scan {
            prefix,
            after,
            limit,
        };
        match call(runtime, engine, namespace, scan) {
            Some(StoreReply::Page { entries, more }) => (entries.len(), more),
            other => panic!("{other:?}"),
        }
    };
    // Names of which one begins with the other.
    for namespace in ["separate", "separate.2"] {
        assert_eq!(scan(namespace), (0, false));
        assert_eq!(add(namespace), Some(StoreReply::Number(1)));
    }
    assert_eq!(scan("separate"), (1, false));
    let uses = runtime.block_on(engine.namespaces()).unwrap();
    let separate = uses
        .iter()
        .filter(|one| one.namespace.starts_with("separate"));
    let found: Vec<_> = separate.map(|one| (one.entries, one.bytes)).collect();
    assert_eq!(found, [(1, 2), (1, 2)]);
}

/// Waits until `request` finds nothing.
fn gone(runtime: &Runtime, engine: &dyn StoreEngine, key: &[u8]) {
    let deadline = Instant::now() + stackup_tests::DEADLINE;
    while call(runtime, engine, "expire", StoreRequest::Get { key }) != Some(StoreReply::Missing) {
        assert!(Instant::now() < deadline, "{key:?} does not expire");
        thread::yield_now();
    }
}

fn entries_expire(runtime: &Runtime, engine: &dyn StoreEngine) {
    let ask = |request: StoreRequest<'_>| call(runtime, engine, "expire", request);
    let (soon, late) = (Duration::from_millis(50), Duration::from_secs(3600));
    let add = |key: &[u8], delta, ttl| {
        let ttl = Some(ttl);
        ask(StoreRequest::Add { key, delta, ttl })
    };
    let set = |key: &[u8], ttl| {
        let value = b"v";
        match ask(StoreRequest::Set { key, value, ttl }) {
            Some(StoreReply::Stored(version)) => version,
            other => panic!("{other:?}"),
        }
    };
    let scan = || {
        let (prefix, after, limit) = (b"", None, 10);
        match ask(StoreRequest::Scan {
            prefix,
            after,
            limit,
        }) {
            Some(StoreReply::Page { entries, more }) => (
                entries.into_iter().map(|entry| entry.0).collect::<Vec<_>>(),
                more,
            ),
            other => panic!("{other:?}"),
        }
    };
    let before = set(b"set", Some(soon));
    // The time of a counter is the one with which it was created; on a busy machine it may be over between the two.
    let counter = (0..).map(|n| format!("counter-{n}")).find(|counter| {
        let key = counter.as_bytes();
        add(key, 1, soon);
        let second = add(key, 1, late) == Some(StoreReply::Number(2));
        if !second {
            ask(StoreRequest::Delete { key });
        }
        second
    });
    let counter = counter.unwrap();
    // A `set` replaces the time; so does one for ever.
    set(b"later", Some(soon));
    set(b"later", Some(late));
    set(b"stays", Some(soon));
    set(b"stays", None);
    gone(runtime, engine, b"set");
    gone(runtime, engine, counter.as_bytes());
    assert_eq!(scan(), (vec![b"later".to_vec(), b"stays".to_vec()], false));
    assert_eq!(
        ask(StoreRequest::Delete { key: b"set" }),
        Some(StoreReply::Missing)
    );
    let swap = |expected| StoreRequest::CompareAndSet {
        key: b"set",
        expected,
        value: b"w",
        ttl: None,
    };
    assert_eq!(ask(swap(Some(before))), Some(StoreReply::Conflict));
    assert_ne!(ask(swap(None)), Some(StoreReply::Stored(before)));
    assert_eq!(
        add(counter.as_bytes(), 5, late),
        Some(StoreReply::Number(5))
    );
    // A time beyond every clock is no end.
    let value = b"v";
    let ttl = Some(Duration::from_millis(u64::MAX));
    let key = b"ever";
    assert!(matches!(
        ask(StoreRequest::Set { key, value, ttl }),
        Some(StoreReply::Stored(_))
    ));
    assert!(matches!(
        ask(StoreRequest::Get { key }),
        Some(StoreReply::Entry { .. })
    ));
}

fn concurrent_adds_and_swaps_lose_nothing(runtime: &Runtime, engine: &Arc<dyn StoreEngine>) {
    const THREADS: usize = 4;
    const EACH: usize = 200;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let (key, delta, ttl) = (b"added", 1, None);
                    let add = StoreRequest::Add { key, delta, ttl };
                    let added = call(runtime, &**engine, "concurrent", add);
                    assert!(matches!(added, Some(StoreReply::Number(_))), "{added:?}");
                    while !swapped_one_more(runtime, &**engine) {}
                }
            });
        }
    });
    for key in [&b"added"[..], b"swapped"] {
        let get = StoreRequest::Get { key };
        match call(runtime, &**engine, "concurrent", get) {
            Some(StoreReply::Entry { value, .. }) => {
                assert_eq!(value, (THREADS * EACH).to_string());
            }
            other => panic!("the counter is there: {other:?}"),
        }
    }
}

/// Reads a number and stores the next one, if nobody else was faster.
fn swapped_one_more(runtime: &Runtime, engine: &dyn StoreEngine) -> bool {
    let key = b"swapped";
    let ask = |request| call(runtime, engine, "concurrent", request);
    let (count, expected) = match ask(StoreRequest::Get { key }) {
        Some(StoreReply::Entry { value, version }) => (number(&value).unwrap(), Some(version)),
        _ => (0, None),
    };
    let value = (count + 1).to_string();
    let swap = StoreRequest::CompareAndSet {
        key,
        expected,
        value: value.as_bytes(),
        ttl: None,
    };
    matches!(ask(swap), Some(StoreReply::Stored(_)))
}
