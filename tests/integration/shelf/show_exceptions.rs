//! `show-exceptions`.

use super::{ask, serve, serve_in};

const BROWSER: &[&str] = &["accept: text/html"];

#[tokio::test]
async fn panic_is_shown_in_development() {
    let plugins = ["show-exceptions"];
    let (_site, host) = serve_in("development", "\"show-exceptions\"", &plugins).await;
    let mut connection = host.connect().await;
    let target = "GET /?panic=%3Cb%3Eoh";
    let page = ask(&mut connection, target, BROWSER).await;
    assert_eq!(page.status(), 500);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let text = page.text();
    assert!(
        text.contains("panic in `answers` at ") && text.contains("&lt;b&gt;oh"),
        "{text}"
    );
    host.message("panic in `answers` at ").await;
    let plain = ask(&mut connection, "GET /?fail=no&status=418", &[]).await;
    assert_eq!(
        (plain.status(), plain.header("content-type")),
        (418, Some("text/plain; charset=utf-8"))
    );
    assert_eq!(plain.header("retry-after"), None);
    let plain = ask(
        &mut connection,
        "GET /?fail=no&status=503&header=retry-after:9",
        &[],
    )
    .await;
    assert_eq!(plain.status(), 503);
    assert_eq!(plain.header("retry-after"), Some("9"));
}

#[tokio::test]
async fn panic_is_hidden_in_production() {
    let (_site, host) = serve("\"show-exceptions\"", &["show-exceptions"]).await;
    let mut connection = host.connect().await;
    let page = ask(&mut connection, "GET /?panic=oh", BROWSER).await;
    assert_eq!(
        (page.status(), &*page.text()),
        (500, "500 Internal Server Error\n")
    );
}
