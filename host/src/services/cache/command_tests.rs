//! With responses in a store in memory.

use std::time::Duration;

use bytes::Bytes;
use cache_store::{Content, Draft, Place};
use http_cache::{Options, Rule, Storing, Times, storable};
use tokio::runtime::Handle;

use super::*;

const NOON: Timestamp = Timestamp(1_700_000_000_000);

fn hub() -> StoreHub {
    StoreHub::new(16 << 20, 0, Handle::current())
}

fn list_of(lines: &[&str]) -> List {
    let fields = lines.iter().filter_map(|line| line.split_once(": "));
    fields.collect()
}

/// Stores a response that came at noon, as the plugin does.
async fn store(hub: &StoreHub, uri: &str, request: &[&str], response: &[&str]) {
    let (target, request, response) = (target(uri).unwrap(), list_of(request), list_of(response));
    let exchange = Storing {
        method: "GET",
        origin: &target.origin(),
        target: target.path_and_query(),
        request: &request,
        status: 200,
        response: &response,
        times: Times {
            sent: NOON,
            received: NOON,
        },
    };
    let options = Options {
        targeted: &[],
        heuristic: None,
    };
    let (policy, _) = storable(&exchange, &options).unwrap();
    let place = Place::of(&target, &request, &response);
    let draft = Draft {
        ttl: Duration::from_secs(3600),
        sent: Some(NOON),
        ..Draft::new(&target, &place, policy, response)
    };
    let content = Content::Inline(Bytes::from_static(b"hello\n"));
    let entries = entries(hub, "cache");
    entries.add(&place, &draft, &content).await.unwrap();
}

/// The text of a reply 12 seconds after noon.
async fn run(hub: &StoreHub, command: CacheCommand) -> String {
    let report = command.run_at(hub, Timestamp(NOON.0 + 12_000)).await;
    report.map_or_else(|why| why, |report| report.text)
}

fn list_all(prefix: Option<&str>) -> CacheCommand {
    CacheCommand::List {
        namespace: "cache".to_owned(),
        prefix: prefix.map(ToOwned::to_owned),
    }
}

fn why(uri: &str, fields: &[(&str, &str)]) -> CacheCommand {
    let fields = fields.iter();
    CacheCommand::Why {
        namespace: "cache".to_owned(),
        uri: uri.to_owned(),
        fields: fields
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn purge(what: PurgeTarget, soft: bool) -> CacheCommand {
    CacheCommand::Purge {
        namespace: "cache".to_owned(),
        what,
        soft,
    }
}

/// Three responses.
async fn filled() -> StoreHub {
    let hub = hub();
    store(
        &hub,
        "http://a.test/",
        &[],
        &["cache-control: max-age=60", "etag: \"1\""],
    )
    .await;
    let by_language = [
        "cache-control: max-age=5",
        "vary: accept-language",
        "cache-groups: \"news\"",
    ];
    store(
        &hub,
        "http://a.test/x",
        &["accept-language: de"],
        &by_language,
    )
    .await;
    let by_user = [
        "cache-control: public, no-cache",
        "vary: cookie",
        "etag: \"1\"",
    ];
    store(&hub, "http://b.test/", &["cookie: id=secret"], &by_user).await;
    hub
}

#[tokio::test]
async fn responses_are_listed_without_secrets() {
    let hub = hub();
    let nothing = run(&hub, list_all(None)).await;
    assert!(
        nothing.starts_with("no responses in the namespace `cache`"),
        "{nothing}"
    );
    let hub = filled().await;
    let listed = run(&hub, list_all(None)).await;
    assert_eq!(
        listed,
        "200         6 bytes    age 12 s  fresh for 48 s          http://a.test/\n\
         200         6 bytes    age 12 s  stale for 7 s           http://a.test/x  (accept-language: de)\n\
         200         6 bytes    age 12 s  validated each time     http://b.test/  (cookie: [hidden])"
    );
    let listed = run(&hub, list_all(Some("http://b."))).await;
    assert_eq!(listed.lines().count(), 1, "{listed}");
}

#[tokio::test]
async fn why_names_decision_rule_and_paragraph() {
    let hub = filled().await;
    assert_eq!(
        run(&hub, why("http://a.test/", &[])).await,
        "GET http://a.test/\n  \
         now: the stored response answers it: it is fresh (RFC 9111 §4.2)\n  \
         stored: 200, 6 bytes, 12 s old\n  \
         freshness: fresh for 48 s; by max-age (RFC 9111 §5.2.2.1)\n  \
         then: it is validated by its ETag"
    );
    let demanded = run(
        &hub,
        why("http://a.test/", &[("Cache-Control", "no-cache")]),
    )
    .await;
    let expected =
        "now: the stored response is validated first: no-cache in the request (RFC 9111 §5.2.1.4)";
    assert!(demanded.contains(expected), "{demanded}");
    assert_eq!(
        run(&hub, why("http://a.test/x", &[("accept-language", "de")])).await,
        "GET http://a.test/x\n  \
         now: the stored response is validated first: stale (RFC 9111 §4.2)\n  \
         stored: 200, 6 bytes, for accept-language: de, 12 s old\n  \
         freshness: stale for 7 s; by max-age (RFC 9111 §5.2.2.1)\n  \
         then: it has no validator: a request for it once it is stale gets a new response\n  \
         groups: news"
    );
    assert_eq!(
        run(&hub, why("http://a.test/x", &[])).await,
        "GET http://a.test/x\n  \
         now: it goes down: what is stored is for other values of the fields in Vary (RFC 9111 §4.1)\n  \
         stored: for accept-language: de, stale for 7 s"
    );
    let relative = run(&hub, why("/x", &[])).await;
    assert!(
        relative.starts_with("`/x` is not a URL with the scheme and host"),
        "{relative}"
    );
}

#[tokio::test]
async fn why_names_the_rule_that_forbade_to_store() {
    let hub = filled().await;
    let rule = Rule {
        section: "RFC 9111 §5.2.2.5",
        text: "no-store",
    };
    let note = async |uri: &str, at: i64| {
        let (entries, target) = (entries(&hub, "cache"), target(uri).unwrap());
        let at = Timestamp(NOON.0 + at);
        entries.note_refusal(&target, 200, rule, at).await.unwrap();
    };
    note("http://a.test/y", 2000).await;
    assert_eq!(
        run(&hub, why("http://a.test/y", &[])).await,
        "GET http://a.test/y\n  \
         now: it goes down: nothing is stored for it\n  \
         not stored: the response of 10 s ago, with status 200: no-store (RFC 9111 §5.2.2.5)"
    );
    // One from before the stored response does not matter any more.
    note("http://a.test/", -1000).await;
    let fresh = run(&hub, why("http://a.test/", &[])).await;
    assert!(!fresh.contains("not stored"), "{fresh}");
}

#[tokio::test]
async fn responses_are_purged() {
    let hub = filled().await;
    let uri = |uri: &str| PurgeTarget::Uri(uri.to_owned());
    let soft = run(&hub, purge(uri("http://a.test/"), true)).await;
    assert_eq!(soft, "1 response marked stale for http://a.test/");
    let after = run(&hub, why("http://a.test/", &[])).await;
    assert!(after.contains("freshness: stale for 0 s"), "{after}");
    let purged = run(&hub, purge(uri("http://a.test/"), false)).await;
    assert_eq!(purged, "1 response purged for http://a.test/");
    let group = PurgeTarget::Group("news".to_owned());
    assert_eq!(
        run(&hub, purge(group, false)).await,
        "1 response purged of the group \"news\""
    );
    let prefix = || PurgeTarget::Prefix("http://".to_owned());
    assert_eq!(
        run(&hub, purge(prefix(), false)).await,
        "1 response purged for http://…"
    );
    assert_eq!(
        run(&hub, purge(prefix(), false)).await,
        "nothing is stored for http://…"
    );
    let two_lines = PurgeTarget::Prefix("a\nb".to_owned());
    let refused = run(&hub, purge(two_lines, false)).await;
    assert_eq!(refused, "a prefix or a group has no control characters");
}

#[tokio::test]
async fn why_names_what_says_how_long_it_is_fresh_and_how_it_is_validated() {
    let cases = [
        (
            "cache-control: s-maxage=60",
            "by s-maxage (RFC 9111 §5.2.2.10)",
        ),
        (
            "cache-control: max-age=60",
            "by max-age (RFC 9111 §5.2.2.1)",
        ),
        (
            "expires: Tue, 14 Nov 2023 22:14:20 GMT",
            "by Expires (RFC 9111 §5.3)",
        ),
    ];
    for (line, expected) in cases {
        let hub = hub();
        let modified = "last-modified: Tue, 14 Nov 2023 00:00:00 GMT";
        store(
            &hub,
            "http://a.test/",
            &[],
            &[line, "date: Tue, 14 Nov 2023 22:13:20 GMT", modified],
        )
        .await;
        let why = run(&hub, why("http://a.test/", &[])).await;
        assert!(
            why.contains(&format!("fresh for 48 s; {expected}")),
            "{why}"
        );
        assert!(
            why.ends_with("it is validated by its Last-Modified"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn long_list_says_that_more_follow() {
    let hub = hub();
    for n in 0..1100 {
        store(
            &hub,
            &format!("http://a.test/{n}"),
            &[],
            &["cache-control: max-age=60"],
        )
        .await;
    }
    let listed = run(&hub, list_all(None)).await;
    assert!(listed.ends_with("\n\nmore follow: `--prefix` lists those whose URLs begin alike"));
    let purged = run(
        &hub,
        purge(PurgeTarget::Prefix("http://a.test/1".to_owned()), false),
    )
    .await;
    assert_eq!(purged, "211 responses purged for http://a.test/1…");
}
