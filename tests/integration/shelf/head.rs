//! `head`.

use stackup_tests::{Host, Site};

use super::{ask, serve};

#[tokio::test]
async fn head_answer_is_get_answer_without_body() {
    let (_site, host) = serve("\"head\", \"etag\"", &["head", "etag"]).await;
    let mut connection = host.connect().await;
    let get = connection.get("/?body=hello&header=x-a:b").await;
    let head = ask(&mut connection, "HEAD /?body=hello&header=x-a:b", &[]).await;
    let without_date = |headers: &[(String, String)]| {
        let mut headers = headers.to_vec();
        headers.retain(|(name, _)| name != "date");
        headers.sort();
        headers
    };
    assert_eq!(
        without_date(&head.head.headers),
        without_date(&get.head.headers)
    );
    assert_eq!(head.header("content-length"), Some("5"));
    // No body precedes the next response.
    assert_eq!(connection.get("/?body=next").await.text(), "next");
    let empty = ask(&mut connection, "HEAD /", &[]).await;
    assert_ne!(empty.header("content-length"), Some("5"));
}

#[tokio::test]
async fn head_starts_no_stream() {
    let site = Site::new("use = [\"head\"]\nrun = \"probe\"\n", &["head", "probe"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let head = ask(&mut connection, "HEAD /flood?count=100000", &[]).await;
    assert_eq!(head.status(), 200);
    host.message("probe: the flood stopped after").await;
}
