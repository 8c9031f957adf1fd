//! Purges, lists and refusals, in a store that is a map.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_cache::{Lifetime, LifetimeSource, List, Policy, RequestControl, Reuse, Rule, Timestamp};

use crate::*;

/// Records without an end.
#[derive(Default)]
struct Map(Mutex<Contents>);

/// The last version, and the records.
type Contents = (u64, BTreeMap<Vec<u8>, Stored<u64>>);

impl Records for Map {
    type Version = u64;
    type Error = Infallible;

    async fn get(&self, key: &[u8]) -> Result<Option<Stored<u64>>, Infallible> {
        Ok(self.0.lock().unwrap().1.get(key).cloned())
    }

    async fn set(&self, key: &[u8], value: &[u8], _: Duration) -> Result<(), Infallible> {
        let mut map = self.0.lock().unwrap();
        map.0 += 1;
        let (version, value) = (map.0, Bytes::copy_from_slice(value));
        map.1.insert(key.to_vec(), Stored { value, version });
        Ok(())
    }

    async fn delete(&self, key: &[u8]) -> Result<(), Infallible> {
        self.0.lock().unwrap().1.remove(key);
        Ok(())
    }

    async fn compare_and_set(
        &self,
        key: &[u8],
        expected: Option<u64>,
        value: &[u8],
        ttl: Duration,
    ) -> Result<bool, Infallible> {
        let known = self.get(key).await?.map(|known| known.version);
        if known == expected {
            self.set(key, value, ttl).await?;
        }
        Ok(known == expected)
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page<u64>, Infallible> {
        let map = self.0.lock().unwrap();
        let follows = |key: &Vec<u8>| after.is_none_or(|after| &key[..] > after);
        let mut found = map
            .1
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && follows(key));
        let page = found.by_ref().take(limit as usize);
        let page = page.map(|(key, stored)| (Bytes::from(key.clone()), stored.clone()));
        Ok((page.collect(), found.next().is_some()))
    }
}

/// Nothing in these tests waits.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

const NOON: Timestamp = Timestamp(1_000_000);

fn later(milliseconds: i64) -> Timestamp {
    Timestamp(NOON.0 + milliseconds)
}

/// Stores a response that came at noon and is fresh for a minute.
fn store(entries: &Entries<Map>, uri: &str, response: &[(&str, &str)], request: &[(&str, &str)]) {
    store_asked_at(entries, uri, response, request, NOON);
}

fn store_asked_at(
    entries: &Entries<Map>,
    uri: &str,
    response: &[(&str, &str)],
    request: &[(&str, &str)],
    sent: Timestamp,
) {
    let target = Target::parse(uri).unwrap();
    let fields: List = response.iter().copied().collect();
    let request: List = request.iter().copied().collect();
    let place = Place::of(&target, &request, &fields);
    let policy = Policy {
        received: NOON,
        initial_age: 0,
        lifetime: Lifetime {
            milliseconds: 60_000,
            source: LifetimeSource::MaxAge,
        },
        no_cache: false,
        forbids_stale: false,
        immutable: false,
        shared: false,
        stale_while_revalidate: 30_000,
        stale_if_error: 0,
    };
    let draft = Draft {
        ttl: Duration::from_secs(3600),
        sent: Some(sent),
        ..Draft::new(&target, &place, policy, fields)
    };
    let content = Content::Inline(Bytes::from_static(b"content"));
    now(entries.add(&place, &draft, &content)).unwrap();
}

fn find(entries: &Entries<Map>, uri: &str, request: &[(&str, &str)]) -> Option<Entry> {
    let request: List = request.iter().copied().collect();
    let target = Target::parse(uri).unwrap();
    match now(entries.find(&target, target.key(), &request)).unwrap() {
        Found::Entry(stored) => Some(stored.entry),
        _ => None,
    }
}

/// The URIs of all that is listed, each with the fields that selected it.
fn listed(entries: &Entries<Map>) -> Vec<String> {
    let mut listing = entries.listing();
    let mut all = Vec::new();
    while let Some(page) = now(listing.next_page()).unwrap() {
        all.extend(page.iter().map(|listed| {
            let variant: Vec<_> = listed.entry.variant().collect();
            format!("{} {}", listed.entry.target(), variant.join(", "))
        }));
    }
    all.sort();
    all
}

fn entries() -> Entries<Map> {
    Entries::new(Map::default())
}

const GERMAN: [(&str, &str); 1] = [("accept-language", "de")];
const ENGLISH: [(&str, &str); 1] = [("accept-language", "en")];
const BY_LANGUAGE: [(&str, &str); 1] = [("vary", "accept-language")];

#[test]
fn purge_of_uri_removes_all_its_variants() {
    let entries = entries();
    store(&entries, "http://a.test/x", &BY_LANGUAGE, &GERMAN);
    store(&entries, "http://a.test/x", &BY_LANGUAGE, &ENGLISH);
    store(&entries, "http://a.test/xy", &[], &[]);
    let purge = Purge::Target(Target::parse("http://A.test/x").unwrap());
    assert_eq!(now(entries.purge(&purge, false, later(1))), Ok(2));
    assert_eq!(listed(&entries), ["http://a.test/xy "]);
    assert!(find(&entries, "http://a.test/x", &GERMAN).is_none());
}

#[test]
fn purge_of_prefix_and_of_group() {
    let entries = entries();
    store(&entries, "http://a.test/blog/1", &[], &[]);
    store(&entries, "http://a.test/blog/2?q", &[], &[]);
    store(
        &entries,
        "http://a.test/",
        &[("cache-groups", "\"g\"")],
        &[],
    );
    store(
        &entries,
        "http://b.test/",
        &[("cache-groups", "\"g\", \"h\"")],
        &[],
    );
    let prefix = Purge::Prefix("http://a.test/blog".to_owned());
    assert_eq!(now(entries.purge(&prefix, false, later(1))), Ok(2));
    let group = Purge::Group("g".to_owned());
    assert_eq!(now(entries.purge(&group, false, later(1))), Ok(2));
    assert_eq!(listed(&entries), [""; 0]);
}

#[test]
fn soft_purge_makes_stale_and_may_be_repeated() {
    let entries = entries();
    store(&entries, "http://a.test/", &[], &[]);
    let purge = Purge::Prefix("http://".to_owned());
    let at = later(10_000);
    assert_eq!(now(entries.purge(&purge, true, at)), Ok(1));
    assert_eq!(now(entries.purge(&purge, true, later(20_000))), Ok(1));
    let policy = find(&entries, "http://a.test/", &[]).unwrap().policy;
    assert!(!policy.is_fresh(at));
    // It counts as stale since the first purge, so a client may still have it while it is validated.
    let reuse = |now| policy.reuse(&RequestControl::default(), now);
    assert_eq!(reuse(later(39_000)), Reuse::StaleWhileRevalidate);
    assert!(matches!(reuse(later(41_000)), Reuse::Validate(_)));
}

#[test]
fn response_asked_for_before_purge_is_not_stored() {
    let purges = [
        Purge::Target(Target::parse("http://a.test/").unwrap()),
        Purge::Prefix("http://a".to_owned()),
        Purge::Group("g".to_owned()),
    ];
    for purge in purges {
        let entries = entries();
        assert_eq!(now(entries.purge(&purge, false, later(5))), Ok(0));
        let store = |at| {
            let grouped = [("cache-groups", "\"g\"")];
            store_asked_at(&entries, "http://a.test/", &grouped, &[], later(at));
        };
        store(5);
        assert!(find(&entries, "http://a.test/", &[]).is_none(), "{purge:?}");
        store(6);
        assert!(find(&entries, "http://a.test/", &[]).is_some(), "{purge:?}");
    }
}

#[test]
fn many_purges_count_as_one_of_everything() {
    let entries = entries();
    for n in 0..150 {
        let purge = Purge::Prefix(format!("http://a.test/{n}/"));
        now(entries.purge(&purge, false, later(n))).unwrap();
    }
    store_asked_at(&entries, "http://b.test/", &[], &[], later(50));
    assert!(find(&entries, "http://b.test/", &[]).is_none());
    store_asked_at(&entries, "http://b.test/", &[], &[], later(51));
    assert!(find(&entries, "http://b.test/", &[]).is_some());
}

#[test]
fn variants_of_a_changed_target_are_not_listed() {
    let entries = entries();
    store(&entries, "http://a.test/x", &BY_LANGUAGE, &GERMAN);
    assert_eq!(listed(&entries), ["http://a.test/x accept-language: de"]);
    now(entries.remove(&Target::parse("http://a.test/x").unwrap())).unwrap();
    assert_eq!(listed(&entries), [""; 0]);
}

#[test]
fn more_entries_than_a_page_are_listed() {
    let entries = entries();
    for n in 0..600 {
        store(&entries, &format!("http://a.test/{n}"), &[], &[]);
    }
    assert_eq!(listed(&entries).len(), 600);
}

#[test]
fn refusal_is_known_until_another_target_takes_its_slot() {
    let entries = entries();
    let target = |n: usize| Target::parse(&format!("http://a.test/{n}")).unwrap();
    let other = (1..)
        .map(target)
        .find(|other| Refusal::slot(other) == Refusal::slot(&target(0)))
        .unwrap();
    let rule = Rule {
        section: "RFC 9111 §5.2.2.5",
        text: "no-store",
    };
    now(entries.note_refusal(&target(0), 200, rule, NOON)).unwrap();
    let known = now(entries.refusal(&target(0))).unwrap().unwrap();
    assert_eq!((known.at, known.status), (NOON, 200));
    assert_eq!(
        (known.section.as_str(), known.text.as_str()),
        (rule.section, rule.text)
    );
    assert_eq!(now(entries.refusal(&other)).unwrap(), None);
    now(entries.note_refusal(&other, 404, rule, NOON)).unwrap();
    assert_eq!(now(entries.refusal(&target(0))).unwrap(), None);
}

#[test]
fn uri_is_read_as_a_request_is() {
    let parsed = |uri| Target::parse(uri).map(|target| target.uri().to_owned());
    let same = Target::new("http", "a.test:9292", "/x", "q=1").unwrap();
    assert_eq!(
        parsed("HTTP://A.Test:9292/x?q=1#f"),
        Some(same.uri().to_owned())
    );
    assert_eq!(parsed("http://a.test").as_deref(), Some("http://a.test/"));
    assert_eq!(
        parsed("http://a.test?q").as_deref(),
        Some("http://a.test/?q")
    );
    for uri in ["", "/x", "a.test/x", "://a.test/", "http:///x"] {
        assert_eq!(parsed(uri), None, "{uri}");
    }
}
