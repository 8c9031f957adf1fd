//! Sessions, between those who use them and who keeps them.

use stackup_plugin::serde_json::{self, Map, json};
use stackup_plugin::testing::{self, block_on, get};
use stackup_plugin::{Next, Request, Response, Result, Session, StatusCode};

fn session(data: serde_json::Value) -> Session {
    let data: Map<_, _> = serde_json::from_value(data).unwrap();
    Session::new(Some("7".to_owned()), data)
}

/// What a keeper has after these layers have saved, the innermost first.
fn followed(mut kept: Session, saved: &[&Session]) -> Session {
    let mut res = Response::new(StatusCode::OK);
    for session in saved {
        session.save(&mut res).unwrap();
    }
    kept.follow(&mut res).unwrap();
    assert!(!res.headers().contains("rack.session"));
    kept
}

#[test]
fn nothing_touched_nothing_sent() {
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
fn changes_of_several_layers_are_joined() {
    let kept = session(json!({ "a": 1, "b": 2, "c": 3 }));
    let (mut inner, mut outer) = (kept.clone(), kept.clone());
    inner.insert("a", "\u{7f} é 🦀\r\n\"").unwrap();
    inner.remove("b");
    outer.insert("c", [1, 2]).unwrap();
    let kept = followed(kept, &[&inner, &outer]);
    assert!(kept.is_changed());
    assert_eq!(kept.get::<String>("a").unwrap(), "\u{7f} é 🦀\r\n\"");
    assert_eq!(kept.get::<u8>("a"), None, "another type");
    assert_eq!(kept.get::<u8>("b"), None);
    assert_eq!(kept.get::<Vec<u8>>("c").unwrap(), [1, 2]);
    assert_eq!(kept.id(), Some("7"));
}

#[test]
fn an_end_leaves_what_came_after_it() {
    let kept = session(json!({ "a": 1, "b": 2 }));
    let mut used = kept.clone();
    used.insert("a", 5).unwrap();
    used.end();
    assert!(used.data().is_empty());
    used.insert("b", 2).unwrap();
    let ended = followed(kept.clone(), &[&used]);
    assert_eq!(
        (ended.id(), ended.data()),
        (None, session(json!({ "b": 2 })).data())
    );
    let mut used = kept.clone();
    used.renew();
    let renewed = followed(kept.clone(), &[&used]);
    assert_eq!((renewed.id(), renewed.data()), (None, kept.data()));
}

#[test]
fn what_nobody_saved_is_an_error() {
    for text in ["x", "[3]", r#"{"sett":{}}"#] {
        let mut res = Response::new(StatusCode::OK);
        res.headers_mut().append("rack.session", text).unwrap();
        let error = session(json!({})).follow(&mut res).unwrap_err();
        assert!(error.message().contains("`rack.session`"), "{error:?}");
        assert!(!res.headers().contains("rack.session"));
    }
}

#[test]
fn it_is_lent_and_followed() {
    async fn keep(mut req: Request, next: Next<'_>) -> Result {
        let mut kept = session(json!({ "a": 1 }));
        kept.lend(&mut req)?;
        let mut res = next.run(req).await?;
        kept.follow(&mut res)?;
        let text = format!("{:?} {:?}", kept.id(), kept.data().get("a"));
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
