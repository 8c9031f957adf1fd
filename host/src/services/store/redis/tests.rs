//! With a real server; without one the tests skip.

use std::thread;
use std::time::{Duration, Instant};

use stackup_plugin::abi::host::{StoreFailure, StoreFailureKind, StoreReply};
use stackup_tests::RedisServer;
use tokio::runtime::Runtime;

use super::*;
use crate::services::store::model_tests::suite;
use crate::services::{RedisSettings, RedisUrl};

fn settings(url: &str) -> RedisSettings {
    RedisSettings {
        url: RedisUrl::parse(url).unwrap(),
        timeout: Duration::from_secs(30),
        prefix: RedisSettings::PREFIX.to_owned(),
    }
}

struct Subject {
    runtime: Runtime,
    store: Arc<dyn StoreEngine>,
}

impl Subject {
    fn new(settings: &RedisSettings) -> Self {
        let runtime = Runtime::new().unwrap();
        let store = Arc::new(RedisStore::open(settings, runtime.handle().clone()));
        Self { runtime, store }
    }

    fn of(server: &RedisServer) -> Self {
        Self::new(&settings(&server.url()))
    }

    fn run(&self, request: StoreRequest<'_>) -> Result<StoreReply, StoreFailure> {
        match self.store.call("n", request) {
            StoreAnswer::Ready(_) => panic!("Redis never answers at once"),
            StoreAnswer::Later(later) => self.runtime.block_on(later),
        }
    }

    fn set(&self, key: &[u8], value: &[u8]) -> Result<StoreReply, StoreFailure> {
        let ttl = None;
        self.run(StoreRequest::Set { key, value, ttl })
    }

    /// Repeats `call` until it is as expected: the connection comes back by itself.
    fn until(&self, expected: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + stackup_tests::DEADLINE;
        while !expected(self) {
            assert!(Instant::now() < deadline);
            thread::yield_now();
        }
    }

    fn trouble(&self) -> Option<String> {
        self.store.status().trouble
    }
}

fn version(stored: Result<StoreReply, StoreFailure>) -> u64 {
    match stored {
        Ok(StoreReply::Stored(version)) => version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn redis_store_keeps_the_model() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let subject = Subject::of(&server);
    suite(&subject.runtime, &subject.store);
}

#[test]
fn two_machines_share_entries_and_namespaces_have_prefixes() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (one, two) = (Subject::of(&server), Subject::of(&server));
    let other = Subject::new(&RedisSettings {
        prefix: "other".to_owned(),
        ..settings(&server.url())
    });
    let (key, delta, ttl) = (&b"k"[..], 1, None);
    let add = |subject: &Subject| subject.run(StoreRequest::Add { key, delta, ttl });
    assert_eq!(add(&one), Ok(StoreReply::Number(1)));
    assert_eq!(add(&two), Ok(StoreReply::Number(2)));
    assert_eq!(add(&other), Ok(StoreReply::Number(1)));
    assert_eq!(server.command(&["HGET", "stackup:{n}:e:k", "v"]), "2");
    assert_eq!(server.command(&["HGET", "other:{n}:e:k", "v"]), "1");
}

#[test]
fn lists_of_keys_forget_what_has_expired() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let subject = Subject::of(&server);
    let ttl = Some(Duration::from_millis(1));
    for n in 0..50u32 {
        let (key, value) = (&n.to_be_bytes()[..], &b"v"[..]);
        subject.run(StoreRequest::Set { key, value, ttl }).unwrap();
    }
    // Each write removes at most two that are due.
    subject.until(|subject| {
        subject.set(b"k", b"v").unwrap();
        server.command(&["ZCARD", "stackup:{n}:keys"]) == "1"
    });
    assert_eq!(server.command(&["ZCARD", "stackup:{n}:ends"]), "0");
    subject.run(StoreRequest::Delete { key: b"k" }).unwrap();
    assert_eq!(server.command(&["KEYS", "*"]), "stackup:{n}:version");
}

#[test]
fn entry_that_redis_evicts_leaves_the_scan() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let subject = Subject::of(&server);
    for n in 0..30u8 {
        subject.set(&[n], b"v").unwrap();
    }
    for n in 10..29u8 {
        let n = char::from(n);
        server.command(&["DEL", &format!("stackup:{{n}}:e:{n}")]);
    }
    let scan = |after: &[u8], limit| {
        let (prefix, after) = (&b""[..], Some(after));
        match subject.run(StoreRequest::Scan {
            prefix,
            after,
            limit,
        }) {
            Ok(StoreReply::Page { entries, more }) => {
                (entries.iter().map(|entry| entry.0[0]).collect(), more)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(scan(&[7], 2), (vec![8, 9], true));
    assert_eq!(scan(&[9], 2), (vec![29], false));
    assert_eq!(server.command(&["ZCARD", "stackup:{n}:keys"]), "11");
}

#[test]
fn version_never_comes_again() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let subject = Subject::of(&server);
    let first = version(subject.set(b"k", b"v"));
    subject.run(StoreRequest::Delete { key: b"k" }).unwrap();
    let second = version(subject.set(b"k", b"v"));
    server.command(&["FLUSHALL"]);
    server.command(&["SCRIPT", "FLUSH"]);
    let third = version(subject.set(b"k", b"v"));
    assert!(first < second && second < third, "{first} {second} {third}");
}

#[test]
fn page_is_bounded_in_bytes() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let subject = Subject::of(&server);
    let value = vec![b'v'; 1 << 20];
    for n in 0..9u8 {
        subject.set(&[n], &value).unwrap();
    }
    let (mut after, mut found, mut pages) = (None, 0, 0);
    loop {
        let page = subject.run(StoreRequest::Scan {
            prefix: b"",
            after: after.as_deref(),
            limit: 1000,
        });
        let Ok(StoreReply::Page { entries, more }) = page else {
            panic!("a page");
        };
        found += entries.len();
        pages += 1;
        if !more {
            break;
        }
        after = entries.last().map(|entry| entry.0.clone());
    }
    assert_eq!((found, pages), (9, 3));
}

#[test]
fn server_that_is_killed_comes_back_with_all_entries() {
    let Some(mut server) = RedisServer::start_durable() else {
        return;
    };
    let subject = Subject::of(&server);
    let stored = version(subject.set(b"k", b"v"));
    server.kill();
    let failed = subject.set(b"k", b"w").unwrap_err();
    assert_eq!(failed.kind, StoreFailureKind::Unavailable);
    assert!(failed.message.starts_with("Redis at /"), "{failed:?}");
    subject.until(|subject| subject.trouble().is_some());
    server.start_again();
    subject.until(|subject| subject.trouble().is_none());
    let entry = subject.run(StoreRequest::Get { key: b"k" });
    let (value, version) = (b"v"[..].into(), stored);
    assert_eq!(entry, Ok(StoreReply::Entry { value, version }));
}

#[test]
fn server_that_answers_nothing_costs_the_timeout_and_then_none() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let timeout = Duration::from_millis(100);
    let subject = Subject::new(&RedisSettings {
        timeout,
        ..settings(&server.url())
    });
    subject.until(|subject| subject.set(b"k", b"v").is_ok());
    server.stop();
    let failed = subject.set(b"k", b"w").unwrap_err();
    assert_eq!(failed.kind, StoreFailureKind::Unavailable);
    assert!(
        failed.message.contains("no reply within 100ms"),
        "{failed:?}"
    );
    subject.until(|subject| subject.trouble().is_some());
    server.resume();
    subject.until(|subject| subject.set(b"k", b"v").is_ok());
    subject.until(|subject| subject.trouble().is_none());
}

#[test]
fn full_server_refuses_writes_until_it_has_room() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let subject = Subject::of(&server);
    subject.set(b"k", b"v").unwrap();
    server.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let failed = subject.set(b"k", b"w").unwrap_err();
    assert_eq!(failed.kind, StoreFailureKind::Unavailable);
    assert!(failed.message.contains("OOM"), "{failed:?}");
    let found = subject.run(StoreRequest::Get { key: b"k" });
    assert!(matches!(found, Ok(StoreReply::Entry { .. })));
    assert!(subject.trouble().is_some());
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    subject.set(b"k", b"w").unwrap();
    assert_eq!(subject.trouble(), None);
}

#[test]
fn wrong_password_is_a_reason_that_does_not_show_it() {
    let Some(server) = RedisServer::start_with(&["--requirepass", "right"]) else {
        return;
    };
    let url = |password: &str| {
        let path = server.url();
        let path = path.trim_start_matches("redis+unix://");
        format!("redis+unix://{path}?pass={password}")
    };
    Subject::new(&settings(&url("right")))
        .set(b"k", b"v")
        .unwrap();
    let refused = Subject::new(&settings(&url("wrong")));
    let failed = refused.set(b"k", b"v").unwrap_err();
    assert!(!failed.message.contains("wrong"), "{failed:?}");
    assert!(failed.message.contains("assword"), "{failed:?}");
}
