//! Sessions between the layers that use them and the one that stores them.

use stackup_plugin::serde_json::{self, Map, json};
use stackup_plugin::testing::{self, block_on, get};
use stackup_plugin::{Next, Request, Response, Result, Session, StatusCode};

fn session(data: serde_json::Value) -> Session {
    let data: Map<_, _> = serde_json::from_value(data).unwrap();
    Session::new(Some("7".to_owned()), data)
}

/// The stored session after these layers have saved, the innermost first.
fn apply(mut stored: Session, saved: &[&Session]) -> Session {
    let mut res = Response::new(StatusCode::OK);
    for session in saved {
        session.save(&mut res).unwrap();
    }
    stored.follow(&mut res).unwrap();
    assert!(!res.headers().contains("rack.session"));
    stored
}

#[test]
fn unchanged_session_sends_nothing() {
    let mut used = session(json!({ "a": 1 }));
    used.insert("a", 1).unwrap();
    used.remove("b");
    used.insert("c", None::<u8>).unwrap();
    assert!(!used.is_changed());
    let mut res = Response::new(StatusCode::OK);
    used.save(&mut res).unwrap();
    assert_eq!(res.headers().iter().len(), 0);
}

#[test]
fn changes_of_several_layers_are_merged() {
    let stored = session(json!({ "a": 1, "b": 2, "c": 3 }));
    let (mut inner, mut outer) = (stored.clone(), stored.clone());
    inner.insert("a", "\u{7f} é 🦀\r\n\"").unwrap();
    inner.remove("b");
    outer.insert("c", [1, 2]).unwrap();
    let stored = apply(stored, &[&inner, &outer]);
    assert!(stored.is_changed());
    assert_eq!(stored.get::<String>("a").unwrap(), "\u{7f} é 🦀\r\n\"");
    assert_eq!(stored.get::<u8>("a"), None, "another type");
    assert_eq!(stored.get::<u8>("b"), None);
    assert_eq!(stored.get::<Vec<u8>>("c").unwrap(), [1, 2]);
    assert_eq!(stored.id(), Some("7"));
}

#[test]
fn values_set_after_end_are_kept() {
    let stored = session(json!({ "a": 1, "b": 2 }));
    let mut used = stored.clone();
    used.insert("a", 5).unwrap();
    used.end();
    assert!(used.data().is_empty());
    used.insert("b", 2).unwrap();
    let ended = apply(stored.clone(), &[&used]);
    assert_eq!(
        (ended.id(), ended.data()),
        (None, session(json!({ "b": 2 })).data())
    );
    let mut used = stored.clone();
    used.renew();
    let renewed = apply(stored.clone(), &[&used]);
    assert_eq!((renewed.id(), renewed.data()), (None, stored.data()));
}

#[test]
fn foreign_session_header_is_error() {
    for text in ["x", "[3]", r#"{"sett":{}}"#] {
        let mut res = Response::new(StatusCode::OK);
        res.headers_mut().append("rack.session", text).unwrap();
        let error = session(json!({})).follow(&mut res).unwrap_err();
        assert!(error.message().contains("`rack.session`"), "{error:?}");
        assert!(!res.headers().contains("rack.session"));
    }
}

#[test]
fn lent_session_changes_are_applied() {
    async fn keep(mut req: Request, next: Next<'_>) -> Result {
        let mut stored = session(json!({ "a": 1 }));
        stored.lend(&mut req)?;
        let mut res = next.run(req).await?;
        stored.follow(&mut res)?;
        let text = format!("{:?} {:?}", stored.id(), stored.data().get("a"));
        res.set_body(text);
        Ok(res)
    }
    block_on(async {
        let keep = testing::middleware_fn(keep).unwrap();
        let app = async |req: Request| {
            let mut session = req.session()?;
            assert_eq!(session.id(), Some("7"));
            session.insert("a", session.get::<u8>("a").unwrap_or(0) + 1)?;
            let mut res = Response::new(StatusCode::OK);
            session.save(&mut res)?;
            Ok::<_, stackup_plugin::Error>(res)
        };
        let res = keep.call(get("/"), app).await.unwrap();
        assert_eq!(res.finish().await.unwrap(), "Some(\"7\") Some(Number(2))");
        let alone = async |req: Request| req.session().map(|_| ());
        let alone = testing::app_fn(alone).unwrap().answer(get("/")).await;
        assert!(alone.unwrap_err().message().contains("no layer above"));
    });
}
