//! `conditional-get` above `etag`.

use super::{ask, serve};

#[tokio::test]
async fn matching_etag_gets_304_on_same_connection() {
    let (_site, host) = serve(
        "\"conditional-get\", \"etag\"",
        &["conditional-get", "etag"],
    )
    .await;
    let mut connection = host.connect().await;
    let first = connection
        .get("/?body=hello&header=content-type:text/plain")
        .await;
    let tag = first.header("etag").unwrap().to_owned();
    let target = "GET /?body=hello&header=content-type:text/plain";
    let has = format!("if-none-match: \"other\", {}", tag.trim_start_matches("W/"));
    let second = ask(&mut connection, target, &[&has]).await;
    assert_eq!((second.status(), &*second.body), (304, &b""[..]));
    assert_eq!(second.header("etag"), Some(&*tag));
    assert_eq!(second.header("content-type"), None);
    assert_eq!(second.header("content-length"), None);
    let changed = ask(&mut connection, "GET /?body=changed", &[&has]).await;
    assert_eq!((changed.status(), &*changed.text()), (200, "changed"));
    let posted = ask(
        &mut connection,
        "POST /?body=hello",
        &["if-none-match: *", "content-length: 0"],
    );
    assert_eq!(posted.await.status(), 200);
}
