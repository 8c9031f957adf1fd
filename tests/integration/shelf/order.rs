//! The effect of the order in a stack, and the order that `plugins/README.md` recommends.

use super::{ask, serve};

#[tokio::test]
async fn readme_order_works() {
    let plugins = [
        "logger",
        "show-exceptions",
        "deflater",
        "head",
        "conditional-get",
        "etag",
        "method-override",
    ];
    let readme = include_str!("../../../plugins/README.md");
    let (_, example) = readme.split_once("```toml\nuse = [").unwrap();
    let (layers, _) = example.split_once(']').unwrap();
    for plugin in plugins {
        assert!(layers.contains(&format!("\"{plugin}\"")), "{plugin}");
    }
    let (_site, host) = serve(layers, &plugins).await;
    let mut connection = host.connect().await;
    let target = "GET /?body=hello";
    let plain = ask(&mut connection, target, &[]).await;
    let zipped = ask(&mut connection, target, &["accept-encoding: gzip"]).await;
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    // The tag identifies the content, not its encoding.
    let tag = plain.header("etag").unwrap().to_owned();
    assert_eq!(zipped.header("etag"), Some(&*tag));
    let has = [
        format!("if-none-match: {tag}"),
        "accept-encoding: gzip".to_owned(),
    ];
    let has = [&*has[0], &*has[1]];
    assert_eq!(ask(&mut connection, target, &has).await.status(), 304);
    let head = ask(&mut connection, "HEAD /?body=hello", &[]).await;
    assert_eq!(
        (head.header("etag"), head.header("content-length")),
        (Some(&*tag), Some("5"))
    );
    assert_eq!(
        ask(&mut connection, "HEAD /?body=hello", &has)
            .await
            .status(),
        304
    );
    assert_eq!(connection.get("/last?fail=no+tea").await.status(), 500);
    let line = host
        .message("\"GET /last?fail=no+tea HTTP/1.1\" 500 ")
        .await;
    assert_eq!(line.text("error"), "no tea");
}

#[tokio::test]
async fn wrong_order_has_no_effect() {
    let plugins = ["etag", "conditional-get", "head"];
    let (site, host) = serve("\"etag\", \"conditional-get\"", &plugins).await;
    let mut connection = host.connect().await;
    let first = connection.get("/?body=hello").await;
    let has = format!("if-none-match: {}", first.header("etag").unwrap());
    assert_eq!(
        ask(&mut connection, "GET /?body=hello", &[&has])
            .await
            .status(),
        200
    );
    site.manifest("use = [\"etag\", \"head\"]\nrun = \"answers\"\n");
    host.reload("swapped").await;
    let head = ask(&mut connection, "HEAD /?body=hello", &[]).await;
    assert_eq!(head.header("etag"), None);
}
