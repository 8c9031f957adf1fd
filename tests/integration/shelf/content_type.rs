//! `content-type`.

use super::serve;

#[tokio::test]
async fn missing_type_gets_configured_type() {
    let layer = r#"{ plugin = "content-type", config = { default = "text/css" } }"#;
    let (site, host) = serve(layer, &["content-type"]).await;
    let mut connection = host.connect().await;
    assert_eq!(
        connection.get("/?body=a").await.header("content-type"),
        Some("text/css")
    );
    let own = connection.get("/?body=a&header=content-type:a/b").await;
    assert_eq!(own.header("content-type"), Some("a/b"));
    assert_eq!(
        connection.get("/?status=204").await.header("content-type"),
        None
    );

    site.manifest("use = [{ plugin = \"content-type\", config = { default = \"css\" } }]\nrun = \"answers\"\n");
    let refused = host.reload("refused").await;
    assert!(
        refused.to_string().contains("is not a media type"),
        "{refused}"
    );
}
