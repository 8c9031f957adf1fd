//! `cors`.

use super::{ask, serve};

const LAYER: &str =
    "{ plugin = \"cors\", config = { origins = [\"https://a.test\"], methods = [\"PUT\"] } }";

#[tokio::test]
async fn preflight_then_request_is_allowed() {
    let (_site, host) = serve(LAYER, &["cors"]).await;
    let mut connection = host.connect().await;
    let page = "origin: https://a.test";
    let question = [page, "access-control-request-method: PUT"];
    // The app would answer 418.
    let res = ask(&mut connection, "OPTIONS /?status=418", &question).await;
    assert_eq!(res.status(), 204);
    assert_eq!(
        res.header("access-control-allow-origin"),
        Some("https://a.test")
    );
    assert_eq!(res.header("access-control-allow-methods"), Some("PUT"));
    let res = ask(&mut connection, "PUT /?body=x&header=vary:accept", &[page]).await;
    assert_eq!(
        (
            res.text().as_ref(),
            res.header("access-control-allow-origin")
        ),
        ("x", Some("https://a.test"))
    );
    let res = ask(&mut connection, "PUT /?body=x", &["origin: https://b.test"]).await;
    assert_eq!((res.status(), res.header("vary")), (200, Some("origin")));
    assert!(res.header("access-control-allow-origin").is_none());
}
