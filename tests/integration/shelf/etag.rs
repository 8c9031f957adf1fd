//! `etag`, with `conditional-get` and `deflater` above it.

use super::serve;

#[tokio::test]
async fn equal_bytes_have_equal_etag_and_streams_none() {
    let (site, host) = serve("\"etag\"", &["etag"]).await;
    let mut connection = host.connect().await;
    let one = connection.get("/?body=one").await;
    let tag = one.header("etag").unwrap().to_owned();
    assert!(tag.starts_with("W/\"") && tag.len() == 36, "{tag}");
    assert_eq!(
        connection.get("/?body=one").await.header("etag"),
        Some(&*tag)
    );
    assert_ne!(
        connection.get("/?body=two").await.header("etag"),
        Some(&*tag)
    );
    assert_eq!(
        connection.get("/?status=404&body=one").await.header("etag"),
        None
    );

    site.plugin("probe");
    site.manifest("use = [\"etag\"]\nrun = \"probe\"\n");
    host.reload("swapped").await;
    // Each chunk comes back before the next is sent: no layer buffers it.
    let upload = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.send(upload.replace("POST", "QUERY")).await;
    connection.send("5\r\nfirst\r\n").await;
    assert_eq!(connection.head().await.header("etag"), None);
    assert_eq!(connection.chunk().await.unwrap(), b"first");
    connection.send("0\r\n\r\n").await;
    assert_eq!(connection.chunk().await.unwrap(), b"");
}
