//! The config, and requests to a guest that a test plays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stackup_plugin::{Error, Request, StatusCode, serde_json, testing};

use crate::GuestApp;

fn refused(config: serde_json::Value) -> String {
    match testing::app::<GuestApp>(config) {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn place_to_listen_must_be_one() {
    let both = refused(testing::json!({ "command": ["x", "$SOCKET", "$PORT"] }));
    assert!(both.contains("one place"), "{both}");
    let other = refused(testing::json!({ "command": ["x", "$PORT"], "listen": "socket" }));
    assert!(other.contains("variable of a port"), "{other}");
    let none = refused(testing::json!({ "command": [] }));
    assert!(none.contains("names no program"), "{none}");
}

#[test]
fn request_that_repeats_nothing_is_sent_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    testing::server(move |_: Request| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            match first {
                true => Err(Error::msg("it died").with_status(StatusCode::BAD_GATEWAY)),
                false => Ok("hi"),
            }
        }
    });
    let app = testing::app::<GuestApp>(testing::json!({ "command": ["x"] })).unwrap();
    testing::block_on(async {
        let res = app.answer(testing::get("/")).await.unwrap();
        assert_eq!(res.finish().await.unwrap(), "hi");
        count.store(0, Ordering::Relaxed);
        let post = testing::post("/", "body");
        let error = app.answer(post).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
    });
    assert_eq!(count.load(Ordering::Relaxed), 1);
}
