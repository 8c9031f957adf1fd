use stackup_plugin::serde_json::Map;
use stackup_plugin::testing::{self, Answered, Json, Mounted, block_on, get, json};
use stackup_plugin::{IntoResponse, Session};

use super::*;
use crate::payload::Payload;
use crate::seal::Seal;

const NEW: &str = "0123456789abcdef0123456789abcdef new";
const OLD: &str = "0123456789abcdef0123456789abcdef old";

fn mounted(config: Json) -> Mounted {
    let mut all = json!({ "secrets": [NEW] });
    let config = config.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(config);
    testing::middleware::<Sessions>(all).unwrap()
}

/// The answer of an app that does `f` with the session.
pub(crate) async fn answer(
    middleware: &Mounted,
    cookie: Option<&str>,
    f: impl FnOnce(&mut Session) + Send + 'static,
) -> Answered {
    let request = match cookie {
        Some(cookie) => get("/").header("cookie", cookie),
        None => get("/"),
    };
    let app = async move |req: Request| {
        let mut session = req.session()?;
        let text = format!(
            "{} {}",
            session.id().unwrap_or("none"),
            json!(session.data())
        );
        f(&mut session);
        let mut res = text.into_response()?;
        session.save(&mut res)?;
        Ok::<_, stackup_plugin::Error>(res)
    };
    let res = middleware.call(request, app).await.unwrap();
    assert!(!res.headers().contains("rack.session"));
    res
}

/// `name=value` of the cookie that a response sets.
pub(crate) fn cookie_of(res: &Answered) -> String {
    let cookie = res.header("set-cookie").expect("a cookie is set");
    cookie.split(';').next().unwrap().to_owned()
}

pub(crate) async fn set(
    middleware: &Mounted,
    cookie: Option<&str>,
    key: &'static str,
    value: Json,
) -> String {
    cookie_of(
        &answer(middleware, cookie, move |session| {
            session.insert(key, value).unwrap()
        })
        .await,
    )
}

/// Id and data that an app sees.
pub(crate) async fn seen(middleware: &Mounted, cookie: &str) -> (String, String) {
    let res = answer(middleware, Some(cookie), |_| {}).await;
    assert!(!res.headers().contains("set-cookie"), "nothing touched");
    let text = res.finish().await.unwrap();
    let (id, data) = text.split_once(' ').unwrap();
    (id.to_owned(), data.to_owned())
}

#[test]
fn data_is_restored() {
    block_on(async {
        let middleware = mounted(json!({}));
        let res = answer(&middleware, None, |session| {
            session.insert("a", "é").unwrap()
        })
        .await;
        let line = res.header("set-cookie").unwrap();
        let (value, attributes) = line.split_once(';').unwrap();
        assert_eq!(attributes, " HttpOnly; SameSite=Lax; Secure; Path=/");
        assert!(res.header("cache-control").unwrap().starts_with("private"));
        let (id, data) = seen(&middleware, value).await;
        assert_eq!((id.len(), data.as_str()), (32, r#"{"a":"é"}"#));
        let second = set(&middleware, Some(value), "b", json!(1)).await;
        assert_eq!(
            seen(&middleware, &second).await,
            (id, r#"{"a":"é","b":1}"#.to_owned())
        );
    });
}

#[test]
fn unchanged_session_sets_no_cookie() {
    block_on(async {
        let middleware = mounted(json!({}));
        let res = answer(&middleware, None, |session| {
            assert!(session.get::<u8>("a").is_none())
        })
        .await;
        assert!(!res.headers().contains("set-cookie") && !res.headers().contains("cache-control"));
        let cookie = set(&middleware, None, "a", json!(1)).await;
        let res = answer(&middleware, Some(&cookie), |session| {
            session.insert("a", 1).unwrap()
        })
        .await;
        assert!(!res.headers().contains("set-cookie"));
    });
}

#[test]
fn forged_cookie_is_an_empty_session() {
    block_on(async {
        let middleware = mounted(json!({}));
        let cookie = set(&middleware, None, "admin", json!(true)).await;
        let (name, value) = cookie.split_once('=').unwrap();
        let mut forged: Vec<String> = (0..value.len())
            .map(|at| {
                let mut bytes = value.as_bytes().to_vec();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                String::from_utf8(bytes).unwrap()
            })
            .collect();
        forged.extend(["", "x", "%%%", &value[1..], &value[..value.len() - 4]].map(str::to_owned));
        forged.push(format!("{value}AAAA"));
        for forged in forged {
            let (id, data) = seen(&middleware, &format!("{name}={forged}")).await;
            assert_eq!((id.as_str(), data.as_str()), ("none", "{}"), "{forged}");
        }
        for config in [json!({ "secrets": [OLD] }), json!({ "key": "other" })] {
            let other = mounted(config);
            for name in ["rack.session", "other"] {
                assert_eq!(seen(&other, &format!("{name}={value}")).await.1, "{}");
            }
        }
        // Of several, that of another path or domain is passed over.
        let several = format!("{name}=forged; x=y; {cookie}");
        assert_eq!(seen(&middleware, &several).await.1, r#"{"admin":true}"#);
    });
}

#[test]
fn old_secret_decrypts_and_new_one_encrypts() {
    block_on(async {
        let (old, both, new) = (
            mounted(json!({ "secrets": [OLD] })),
            mounted(json!({ "secrets": [NEW, OLD] })),
            mounted(json!({})),
        );
        let cookie = set(&old, None, "a", json!(1)).await;
        assert_eq!(seen(&both, &cookie).await.1, r#"{"a":1}"#);
        let cookie = set(&both, Some(&cookie), "b", json!(2)).await;
        assert_eq!(seen(&new, &cookie).await.1, r#"{"a":1,"b":2}"#);
    });
}

#[test]
fn session_can_be_renewed_and_ended() {
    block_on(async {
        let middleware = mounted(json!({ "domain": "example.com", "path": "/app" }));
        let cookie = set(&middleware, None, "a", json!(1)).await;
        let (id, _) = seen(&middleware, &cookie).await;
        let renewed = cookie_of(&answer(&middleware, Some(&cookie), Session::renew).await);
        let (second, data) = seen(&middleware, &renewed).await;
        assert!(second != id && second.len() == 32 && data == r#"{"a":1}"#);
        for end in [Session::end, |session: &mut Session| session.remove("a")] {
            let res = answer(&middleware, Some(&cookie), end).await;
            let line = res.header("set-cookie").unwrap();
            assert!(
                line.starts_with("rack.session=;") && line.contains("Max-Age=0"),
                "{line}"
            );
            assert!(
                line.contains("Domain=example.com") && line.contains("Path=/app"),
                "{line}"
            );
            let res = answer(&middleware, None, end).await;
            assert!(
                !res.headers().contains("set-cookie"),
                "there is nothing to forget"
            );
        }
    });
}

#[test]
fn unused_session_expires() {
    block_on(async {
        let config = json!({ "expire_after": 100, "persistent": true });
        let middleware = mounted(config);
        let seal = Seal::new([NEW], "rack.session").unwrap();
        let expiry = Expiry {
            expire_after: 100,
            fixed: false,
        };
        let sealed = |until: u64| {
            let data: Map<_, _> = [("a".to_owned(), json!(1))].into_iter().collect();
            let payload = Payload::new(&Session::new(Some("i".to_owned()), data), until).unwrap();
            format!(
                "rack.session={}",
                seal.seal(&payload.text().unwrap()).unwrap()
            )
        };
        assert_eq!(
            seen(&middleware, &sealed(expiry.until() - 101)).await.1,
            "{}"
        );
        assert_eq!(
            seen(&middleware, &sealed(expiry.until() + 100)).await.1,
            "{}"
        );
        assert_eq!(
            seen(&middleware, &sealed(expiry.until())).await.1,
            r#"{"a":1}"#
        );
        let res = answer(&middleware, Some(&sealed(expiry.until() - 50)), |_| {}).await;
        let line = res.header("set-cookie").unwrap();
        assert!(line.contains("Max-Age=100"), "{line}");
        assert_eq!(seen(&middleware, &cookie_of(&res)).await.1, r#"{"a":1}"#);
    });
}

/// The answer of an app whose response has `cache-control: public`, to a request with this cookie.
async fn public(middleware: &Mounted, cookie: &str, changes: bool) -> Answered {
    let app = async move |req: Request| {
        let mut session = req.session()?;
        if changes {
            session.insert("b", 2)?;
        }
        let mut res = "page".into_response()?;
        res.headers_mut()
            .insert("cache-control", "public, max-age=60")?;
        session.save(&mut res)?;
        Ok::<_, stackup_plugin::Error>(res)
    };
    let request = get("/").header("cookie", cookie);
    middleware.call(request, app).await.unwrap()
}

#[test]
fn cookie_never_goes_out_on_a_response_for_shared_caches() {
    block_on(async {
        let middleware = mounted(json!({ "expire_after": 100 }));
        let seal = Seal::new([NEW], "rack.session").unwrap();
        let data: Map<_, _> = [("a".to_owned(), json!(1))].into_iter().collect();
        let until = Expiry {
            expire_after: 100,
            fixed: false,
        }
        .until()
            - 50;
        let payload = Payload::new(&Session::new(Some("i".to_owned()), data), until).unwrap();
        let sealed = seal.seal(&payload.text().unwrap()).unwrap();
        let due = format!("rack.session={sealed}");

        let changed = public(&middleware, &due, true).await;
        assert!(changed.headers().contains("set-cookie"));
        assert_eq!(changed.header("cache-control"), Some("private, max-age=60"));
        assert_eq!(changed.header("vary"), Some("cookie"));

        let renewed = public(&middleware, &due, false).await;
        assert!(!renewed.headers().contains("set-cookie"), "it can wait");
        assert_eq!(renewed.header("cache-control"), Some("public, max-age=60"));
        let renewed = answer(&middleware, Some(&due), |_| {}).await;
        assert!(renewed.headers().contains("set-cookie"));
        assert_eq!(renewed.header("vary"), Some("cookie"));
    });
}

#[test]
fn session_over_4_kib_is_not_saved() {
    block_on(async {
        let middleware = mounted(json!({}));
        let cookie = set(&middleware, None, "a", json!("x".repeat(2800))).await;
        assert!(cookie.len() < 4096);
        let log = testing::log();
        let large = |session: &mut Session| session.insert("a", "x".repeat(3100)).unwrap();
        let res = answer(&middleware, Some(&cookie), large).await;
        assert!(!res.headers().contains("set-cookie"));
        assert!(log.lines()[0].to_string().contains("4096 bytes"));
        // What hides in it may not make two of the same length differ, and vice versa.
        let short = set(&middleware, None, "a", json!("x")).await;
        assert_eq!(
            short.len(),
            set(&middleware, None, "a", json!("xyz")).await.len()
        );
    });
}

#[test]
fn error_points_at_the_key() {
    let error = |mut config: Json| {
        if config.get("secrets").is_none() {
            config["secrets"] = json!([NEW]);
        }
        testing::middleware::<Sessions>(config).err().unwrap()
    };
    for (config, place) in [
        (json!({ "secrets": [] }), "secrets"),
        (json!({ "secrets": [NEW, "short"] }), "secrets[1]"),
        (json!({ "store": true }), "secrets"),
        (json!({ "user": "user" }), "user"),
        (json!({ "expiry": "never" }), "expiry"),
        (json!({ "expire_after": 0 }), "expire_after"),
        (json!({ "key": "a b" }), "key"),
        (json!({ "key": "__Host-s", "path": "/app" }), "key"),
        (json!({ "key": "__Secure-s", "secure": false }), "key"),
        (json!({ "path": "/;domain=x" }), "path"),
        (json!({ "domain": "a; x" }), "domain"),
        (json!({ "same_site": "none", "secure": false }), "same_site"),
        (json!({ "same_site": "Laxx" }), "same_site"),
    ] {
        let error = error(config.clone());
        assert_eq!(error.place(), place, "{config}");
        assert!(!error.message().contains("short\""), "{error:?}");
    }
}
