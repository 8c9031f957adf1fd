//! The registry by its rules: what enters leaves, whatever the order.

use std::time::Duration;

use proptest::prelude::*;

use super::super::waiting_list::{MoreRequests, SHOWN};
use super::*;

fn wait(path: &str) -> RequestWait {
    RequestWait::of(&Request::get(path).body(()).unwrap())
}

fn shown(registry: &WaitingRequests) -> Vec<String> {
    let now = Instant::now();
    let requests = registry.requests(now).requests.into_iter();
    requests
        .map(|request| {
            let handler = request.handler.unwrap_or_default();
            format!(
                "{} {} {:?} {handler}",
                request.method, request.path, request.phase
            )
        })
        .collect()
}

/// What may happen to a request: `who` counts modulo those that there are.
#[derive(Debug, Clone)]
enum Step {
    Begins,
    Waits { who: usize, body: bool },
    Answered { who: usize },
    Ends { who: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Begins),
        (any::<usize>(), any::<bool>()).prop_map(|(who, body)| Step::Waits { who, body }),
        any::<usize>().prop_map(|who| Step::Answered { who }),
        any::<usize>().prop_map(|who| Step::Ends { who }),
    ]
}

proptest! {
    #[test]
    fn registry_holds_only_requests_that_wait(steps in prop::collection::vec(step(), 0..40)) {
        let registry = Arc::new(WaitingRequests::default());
        // With whether it has waited, and which it was.
        let mut alive: Vec<(RequestWait, bool, String)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let count = alive.len().max(1);
            match step {
                Step::Begins => {
                    let path = format!("/{number}");
                    alive.push((wait(&path), false, path));
                }
                Step::Waits { who, body } => if let Some((wait, waits, _)) = alive.get_mut(who % count) {
                    let phase = if body { Phase::Body } else { Phase::Request };
                    wait.is(&registry, phase, None, None);
                    *waits = true;
                },
                Step::Answered { who } => if let Some((wait, _, _)) = alive.get_mut(who % count) {
                    wait.answered();
                },
                Step::Ends { who } => if who % count < alive.len() {
                    alive.remove(who % count);
                },
            }
            let mut expected: Vec<_> = alive.iter().filter(|one| one.1).map(|one| one.2.clone()).collect();
            let mut found: Vec<_> = registry.requests(Instant::now()).requests.into_iter().map(|r| r.path).collect();
            expected.sort();
            found.sort();
            prop_assert_eq!(found, expected);
        }
        drop(alive);
        prop_assert_eq!(registry.requests(Instant::now()).count(), 0);
    }
}

#[test]
fn request_is_listed_with_its_last_wait() {
    let registry = Arc::new(WaitingRequests::default());
    let mut one = wait("http://host/one?secret=1");
    one.is(&registry, Phase::Request, Some("auth"), None);
    assert_eq!(shown(&registry), ["GET /one Request auth"]);
    one.is(&registry, Phase::Request, Some("app"), None);
    assert_eq!(shown(&registry), ["GET /one Request app"]);
    one.answered();
    assert_eq!(shown(&registry), ["GET /one Body "]);
    one.is(&registry, Phase::Body, Some("zip"), None);
    assert_eq!(shown(&registry), ["GET /one Body zip"]);
}

#[test]
fn oldest_request_is_first_and_long_paths_are_cut() {
    let registry = Arc::new(WaitingRequests::default());
    let long = format!("/{}", "x".repeat(300));
    let (mut first, mut second) = (wait(&long), wait("/b"));
    first.is(&registry, Phase::Request, None, None);
    second.is(&registry, Phase::Request, None, None);
    let texts = shown(&registry);
    assert_eq!(texts[0].len(), "GET … Request ".len() + PATH_LIMIT);
    assert_eq!(texts[1], "GET /b Request ");
}

#[test]
fn path_is_shown_without_terminal_commands() {
    let registry = Arc::new(WaitingRequests::default());
    let mut one = wait("/\u{9b}2J/é");
    one.is(&registry, Phase::Request, None, None);
    assert_eq!(shown(&registry), ["GET /\\u{9b}2J/é Request "]);
}

#[test]
fn waiting_request_is_shown_in_words() {
    let mut request = WaitingRequest {
        method: "GET".to_owned(),
        path: "/slow".to_owned(),
        seconds: 3.21,
        phase: Phase::Request,
        handler: Some("app".to_owned()),
        since_generation: None,
        upgrade: None,
    };
    assert_eq!(request.to_string(), "GET /slow in `app`, waiting for 3.2 s");
    (request.phase, request.handler) = (Phase::Body, None);
    assert_eq!(request.to_string(), "GET /slow, sending its body for 3.2 s");
    request.since_generation = Some(4);
    let expected = "GET /slow, sending its body for 3.2 s, since generation 4";
    assert_eq!(request.to_string(), expected);
}

#[test]
fn request_keeps_its_age_and_origin_where_it_counts_for_another_generation() {
    let registries = [(); 3].map(|()| Arc::new(WaitingRequests::default()));
    let [first, second, third] = &registries;
    let before = Instant::now();
    let mut one = wait("/");
    one.moves_to(second, 1);
    assert!(shown(second).is_empty(), "it has not waited yet");
    one.is(first, Phase::Body, None, Some(1));
    one.moves_to(second, 1);
    one.moves_to(third, 2);
    assert!(shown(first).is_empty() && shown(second).is_empty());
    let later = before + Duration::from_secs(9);
    let request = &third.requests(later).requests[0];
    assert_eq!(request.since_generation, Some(1));
    assert!(request.seconds >= 8.0);
    one.is(third, Phase::Request, Some("app"), Some(1));
    assert_eq!(shown(third), ["GET / Request app"]);
    drop(one);
    assert!(shown(third).is_empty());
}

#[test]
fn age_counts_from_the_first_wait() {
    let registry = Arc::new(WaitingRequests::default());
    let before = Instant::now();
    let mut one = wait("/");
    one.is(&registry, Phase::Request, None, None);
    one.is(&registry, Phase::Body, None, None);
    let later = before + Duration::from_secs(9);
    let age = registry.requests(later).requests[0].seconds;
    assert!((8.0..=9.0).contains(&age), "{age}");
}

#[test]
fn oldest_of_each_phase_are_listed_and_the_others_counted() {
    let registry = Arc::new(WaitingRequests::default());
    let mut waits = Vec::new();
    let mut begin = |path: String, phase| {
        let mut wait = wait(&path);
        wait.is(&registry, phase, None, None);
        waits.push(wait);
    };
    for number in 0..SHOWN + 5 {
        begin(format!("/socket/{number}"), Phase::Upgraded);
    }
    begin("/slow".to_owned(), Phase::Request);
    for number in 0..=SHOWN {
        begin(format!("/stream/{number}"), Phase::Body);
    }
    let mut list = registry.requests(Instant::now());
    let paths: Vec<_> = list.requests.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths.len(), 2 * SHOWN + 1);
    assert_eq!((paths[0], paths[SHOWN - 1]), ("/socket/0", "/socket/19"));
    assert_eq!((paths[SHOWN], paths[2 * SHOWN]), ("/slow", "/stream/19"));
    let more = MoreRequests {
        request: 0,
        body: 1,
        upgraded: 5,
    };
    assert_eq!(list.more_requests, more);
    assert_eq!(list.count(), waits.len());
    assert_eq!(
        serde_json::to_value(&list).unwrap()["more_requests"]["upgraded"],
        5
    );

    list.retain_upgrades(true);
    assert_eq!((list.requests.len(), list.count()), (SHOWN, SHOWN + 5));
    list.retain_upgrades(false);
    assert_eq!(list, WaitingList::default());
    assert!(
        serde_json::to_value(&list)
            .unwrap()
            .get("more_requests")
            .is_none()
    );
}
