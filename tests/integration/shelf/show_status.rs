//! `show-status`.

use super::{ask, serve};

#[tokio::test]
async fn empty_error_gets_page_and_full_error_keeps_body() {
    let layer =
        r#"{ plugin = "show-status", config = { details = { 404 = "Try the <search>." } } }"#;
    let (_site, host) = serve(layer, &["show-status"]).await;
    let mut connection = host.connect().await;
    let page = connection.get("/lost?status=404").await;
    assert_eq!(page.status(), 404);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let text = page.text();
    assert!(
        text.contains("Try the &lt;search&gt;.") && text.contains("GET /lost"),
        "{text}"
    );
    assert_eq!(
        connection.get("/?status=404&body=mine").await.text(),
        "mine"
    );
    assert_eq!(connection.get("/?status=200").await.text(), "");
    let head = ask(
        &mut connection,
        "HEAD /lost?status=404&header=content-length:0",
        &[],
    )
    .await;
    assert_eq!(head.header("content-length"), page.header("content-length"));
}
