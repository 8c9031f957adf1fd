//! `cx.store()`, through the ABI: on both sides of the boundary, with the test kit's engine.

use std::time::Duration;

use stackup_plugin::{App, Context, IntoResponse, Request, Result, StatusCode, Store, testing};

/// Runs one script against its store, and answers with what it saw.
struct Script {
    store: Store,
    shared: Store,
}

impl App for Script {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        Ok(Self {
            store: cx.store(),
            shared: cx.store_named("shared"),
        })
    }

    async fn call(&self, req: Request) -> Result {
        self.answer(req.path()).await?.into_response()
    }
}

impl Script {
    async fn answer(&self, script: &str) -> Result<String> {
        let store = &self.store;
        let minute = Duration::from_secs(60);
        Ok(match script {
            "/get" => match store.get("k").await? {
                Some(entry) => String::from_utf8_lossy(&entry.value).into_owned(),
                None => "none".to_owned(),
            },
            "/set" => {
                store.set("k", "v", minute).await?;
                "set".to_owned()
            }
            "/add" => store.add("n", 2, minute).await?.to_string(),
            "/add-to-text" => store.add("k", 1, None).await?.to_string(),
            "/delete" => store.delete("k").await?.to_string(),
            "/swap" => {
                let before = store.get("k").await?.map(|entry| entry.version);
                let first = store.compare_and_set("k", before, "first", None).await?;
                let second = store.compare_and_set("k", before, "second", None).await?;
                format!("{} {}", first.is_some(), second.is_some())
            }
            "/scan" => {
                for key in ["a0", "a1", "a2", "a3", "a4", "b"] {
                    self.shared.set(key, "x", None).await?;
                }
                let first = self.shared.scan("a", None, 3).await?;
                let last = first.entries.last().map(|(key, _)| key.clone());
                let rest = self.shared.scan("a", last.as_deref(), 3).await?;
                let (first_page, second_page) = (first.entries.len(), rest.entries.len());
                format!("{first_page} {} {second_page} {}", first.more, rest.more)
            }
            "/long-key" => {
                let key = vec![b'k'; Store::MAX_KEY + 1];
                store.set(key, "v", None).await?;
                "set".to_owned()
            }
            "/large" => {
                let value = vec![0; Store::MAX_VALUE + 1];
                let failed = store.set("k", value, None).await.unwrap_err();
                format!("{:?}", failed.kind())
            }
            other => format!("no script {other}"),
        })
    }
}

fn run(app: &testing::Mounted, path: &str) -> String {
    testing::block_on(async {
        let res = app.answer(testing::get(path)).await.unwrap();
        res.finish().await.unwrap()
    })
}

#[test]
fn stored_value_survives_another_instance() {
    let app = testing::app::<Script>(testing::json!({})).unwrap();
    assert_eq!(run(&app, "/get"), "none");
    run(&app, "/set");
    drop(app);
    let next = testing::app::<Script>(testing::json!({})).unwrap();
    assert_eq!(run(&next, "/get"), "v");
    assert_eq!(run(&next, "/delete"), "true");
    assert_eq!(run(&next, "/delete"), "false");
    assert_eq!(run(&next, "/get"), "none");
}

#[test]
fn entry_and_counter_end_with_their_time_to_live() {
    let app = testing::app::<Script>(testing::json!({})).unwrap();
    run(&app, "/set");
    assert_eq!(run(&app, "/add"), "2");
    testing::store().advance(Duration::from_secs(40));
    assert_eq!(run(&app, "/add"), "4");
    testing::store().advance(Duration::from_secs(40));
    assert_eq!(run(&app, "/get"), "none");
    // The second `add` did not prolong the counter.
    assert_eq!(run(&app, "/add"), "2");
}

#[test]
fn compare_and_set_stores_only_over_the_version_it_knows() {
    let app = testing::app::<Script>(testing::json!({})).unwrap();
    assert_eq!(run(&app, "/swap"), "true false");
    assert_eq!(run(&app, "/get"), "first");
    assert_eq!(run(&app, "/swap"), "true false");
}

#[test]
fn scan_pages_through_one_prefix() {
    let app = testing::app::<Script>(testing::json!({})).unwrap();
    assert_eq!(run(&app, "/scan"), "3 true 2 false");
}

#[test]
fn oversized_key_and_value_fail() {
    let app = testing::app::<Script>(testing::json!({})).unwrap();
    assert_eq!(run(&app, "/large"), "TooLarge");
    let failed = testing::block_on(app.answer(testing::get("/long-key")));
    assert_eq!(
        failed.unwrap_err().status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

#[test]
fn adding_to_text_fails() {
    let app = testing::app::<Script>(testing::json!({})).unwrap();
    run(&app, "/set");
    let failed = testing::block_on(app.answer(testing::get("/add-to-text")));
    assert!(failed.unwrap_err().message().contains("not a number"));
}

#[test]
fn unavailable_store_is_a_503() {
    let app = testing::app::<Script>(testing::json!({})).unwrap();
    testing::store().unavailable(true);
    let failed = testing::block_on(app.answer(testing::get("/get"))).unwrap_err();
    assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(failed.message().starts_with("store: "));
}
