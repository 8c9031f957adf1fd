//! Sessions in the store.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Waker};
use std::time::Duration;

use stackup_plugin::testing::{self, Answered, Json, Mounted, block_on, get, json};
use stackup_plugin::{IntoResponse, Request, Session};

use super::*;
use crate::tests::{answer, cookie_of, seen, set};

fn mounted(config: Json) -> Mounted {
    let mut all = json!({ "store": true, "user": "user" });
    all.as_object_mut()
        .unwrap()
        .extend(config.as_object().unwrap().clone());
    testing::middleware::<Sessions>(all).unwrap()
}

async fn data(middleware: &Mounted, cookie: &str) -> String {
    seen(middleware, cookie).await.1
}

#[test]
fn cookie_has_a_token_and_the_store_the_data() {
    block_on(async {
        let middleware = mounted(json!({}));
        let cookie = set(&middleware, None, "a", json!("x".repeat(5_000))).await;
        assert_eq!(cookie.len(), "rack.session=".len() + 43);
        let (id, _) = seen(&middleware, &cookie).await;
        assert!(id.len() == 32 && !cookie.contains(&id));
        // A change keeps the token, so the client keeps its cookie.
        let res = answer(&middleware, Some(&cookie), |session| {
            session.insert("a", 1).unwrap()
        });
        assert!(!res.await.headers().contains("set-cookie"));
        assert_eq!(
            seen(&mounted(json!({})), &cookie).await,
            (id, r#"{"a":1}"#.to_owned())
        );
    });
}

#[test]
fn only_tokens_of_ours_count() {
    block_on(async {
        let middleware = mounted(json!({}));
        let cookie = set(&middleware, None, "a", json!(1)).await;
        let value = cookie.strip_prefix("rack.session=").unwrap();
        let chosen = format!("rack.session={}", "A".repeat(43));
        for wrong in [
            &chosen,
            "rack.session=",
            "rack.session=%%%",
            &cookie[..cookie.len() - 1],
        ] {
            assert_eq!(seen(&middleware, wrong).await.0, "none", "{wrong}");
        }
        // A token that the client chose is never taken over.
        assert_ne!(set(&middleware, Some(&chosen), "a", json!(1)).await, chosen);
        let other = mounted(json!({ "key": "other" }));
        assert_eq!(data(&other, &format!("other={value}")).await, "{}");
        assert_eq!(
            data(&middleware, &format!("{chosen}; {cookie}")).await,
            r#"{"a":1}"#
        );
    });
}

#[test]
fn renewed_and_ended_sessions_leave_nothing_behind() {
    block_on(async {
        let middleware = mounted(json!({}));
        let cookie = set(&middleware, None, "a", json!(1)).await;
        let (id, _) = seen(&middleware, &cookie).await;
        let renewed = cookie_of(&answer(&middleware, Some(&cookie), Session::renew).await);
        testing::store().advance(Duration::from_millis(1));
        assert_eq!(data(&middleware, &cookie).await, "{}");
        let (second, found) = seen(&middleware, &renewed).await;
        assert!(second != id && found == r#"{"a":1}"#);
        let ended = answer(&middleware, Some(&renewed), Session::end).await;
        assert!(cookie_of(&ended) == "rack.session=");
        assert_eq!(
            data(&middleware, &renewed).await,
            "{}",
            "also where the client keeps it"
        );
        let cookie = set(&middleware, None, "a", json!(1)).await;
        let emptied = answer(&middleware, Some(&cookie), |session| session.remove("a")).await;
        assert!(cookie_of(&emptied) == "rack.session=");
    });
}

#[test]
fn concurrent_requests_keep_each_others_changes() {
    block_on(async {
        let middleware = mounted(json!({}));
        let cookie = set(&middleware, None, "a", json!(1)).await;
        let fast = |session: &mut Session| {
            session.insert("fast", true).unwrap();
            session.insert("a", 2).unwrap();
        };
        answer_around(&middleware, &cookie, fast).await;
        let expected = r#"{"a":2,"fast":true,"slow":true}"#;
        assert_eq!(data(&middleware, &cookie).await, expected);
    });
}

#[test]
fn change_of_a_session_that_has_ended_does_not_bring_it_back() {
    block_on(async {
        let middleware = mounted(json!({}));
        let cookie = set(&middleware, None, "a", json!(1)).await;
        let slow = answer_around(&middleware, &cookie, Session::end).await;
        assert_eq!(cookie_of(&slow), "rack.session=");
        assert_eq!(data(&middleware, &cookie).await, "{}");
    });
}

#[test]
fn all_sessions_of_a_user_can_be_ended() {
    block_on(async {
        let middleware = mounted(json!({}));
        let phone = set(&middleware, None, "user", json!("ann")).await;
        let laptop = set(&middleware, None, "user", json!("ann")).await;
        let other = set(&middleware, None, "user", json!(7)).await;
        // The session that changes the password stays.
        let res = answer(&middleware, Some(&laptop), |session| session.revoke("ann")).await;
        assert!(!res.headers().contains("set-cookie"));
        let ann = r#"{"user":"ann"}"#;
        assert_eq!(data(&middleware, &laptop).await, ann);
        assert_eq!(data(&middleware, &phone).await, "{}");
        assert_eq!(data(&middleware, &other).await, r#"{"user":7}"#);
        let new = set(&middleware, None, "user", json!("ann")).await;
        assert_eq!(
            [
                data(&middleware, &new).await,
                data(&middleware, &laptop).await
            ],
            [ann, ann]
        );
        // Another one, perhaps an administrator, ends them all.
        answer(&middleware, None, |session| session.revoke("ann")).await;
        answer(&middleware, Some(&new), |session| session.revoke("7")).await;
        for cookie in [laptop, new, other] {
            assert_eq!(data(&middleware, &cookie).await, "{}");
        }
    });
}

#[test]
fn session_lasts_from_its_last_use() {
    block_on(async {
        let store = testing::store();
        let sliding = mounted(json!({ "expire_after": 100, "persistent": true }));
        let a = set(&sliding, None, "a", json!(1)).await;
        store.advance(Duration::from_secs(60));
        let change = |session: &mut Session| session.insert("a", 2).unwrap();
        let res = answer(&sliding, Some(&a), change).await;
        let line = res.header("set-cookie").unwrap();
        assert!(
            line.starts_with(&a) && line.contains("Max-Age=100"),
            "{line}"
        );
        store.advance(Duration::from_secs(60));
        assert_eq!(data(&sliding, &a).await, r#"{"a":2}"#);
        store.advance(Duration::from_secs(60));
        assert_eq!(data(&sliding, &a).await, "{}");
    });
}

#[test]
fn unavailable_store_is_503_where_it_is_needed() {
    block_on(async {
        let middleware = mounted(json!({}));
        let cookie = set(&middleware, None, "a", json!(1)).await;
        testing::store().unavailable(true);
        let res = answer(&middleware, None, |_| {}).await;
        assert_eq!(res.status(), 200, "it has no session");
        let app = async |_req: Request| "app";
        let error = middleware
            .call(get("/").header("cookie", &cookie), app)
            .await;
        assert_eq!(error.unwrap_err().status(), 503);
    });
}

#[test]
fn session_that_is_too_large_is_not_saved() {
    block_on(async {
        let middleware = mounted(json!({}));
        let cookie = set(&middleware, None, "a", json!(1)).await;
        let log = testing::log();
        let large = |session: &mut Session| session.insert("a", "x".repeat(2 << 20)).unwrap();
        answer(&middleware, Some(&cookie), large).await;
        assert!(
            log.messages()[0].starts_with("session not saved"),
            "{:?}",
            log.messages()
        );
        assert_eq!(data(&middleware, &cookie).await, r#"{"a":1}"#);
    });
}

#[test]
fn cookie_sessions_can_not_be_revoked() {
    block_on(async {
        let secret = "0123456789abcdef0123456789abcdef";
        let middleware = testing::middleware::<Sessions>(json!({ "secrets": [secret] })).unwrap();
        let app = async |req: Request| {
            let mut session = req.session()?;
            session.revoke("ann");
            let mut res = "".into_response()?;
            session.save(&mut res)?;
            Ok::<_, stackup_plugin::Error>(res)
        };
        let error = middleware.call(get("/"), app).await.unwrap_err();
        assert!(error.message().contains("store = true"), "{error:?}");
    });
}

/// The answer to a slow request, which has read the session before another one does `f` with it, and sets a value after that.
async fn answer_around(
    middleware: &Mounted,
    cookie: &str,
    f: impl FnOnce(&mut Session) + Send + 'static,
) -> Answered {
    let (go, gone) = flag();
    let app = async move |req: Request| {
        let mut session = req.session()?;
        gone.await;
        session.insert("slow", true)?;
        let mut res = "".into_response()?;
        session.save(&mut res)?;
        Ok::<_, stackup_plugin::Error>(res)
    };
    let request = get("/").header("cookie", cookie);
    let mut slow = pin!(middleware.call(request, app));
    let mut cx = task::Context::from_waker(Waker::noop());
    assert!(slow.as_mut().poll(&mut cx).is_pending());
    answer(middleware, Some(cookie), f).await;
    go.store(true, Ordering::Relaxed);
    slow.await.unwrap()
}

/// A flag, and a future that completes when it is set.
fn flag() -> (Arc<AtomicBool>, impl Future<Output = ()> + Send) {
    let flag = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&flag);
    let opened = std::future::poll_fn(move |cx| {
        cx.waker().wake_by_ref();
        match open.load(Ordering::Relaxed) {
            true => task::Poll::Ready(()),
            false => task::Poll::Pending,
        }
    });
    (flag, opened)
}
