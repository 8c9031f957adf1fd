//! `echo`.

use super::serve_site;

#[tokio::test]
async fn echo_returns_chunk_before_next_is_sent() {
    let (_site, host) = serve_site("run = \"echo\"", &["echo"]).await;
    let mut connection = host.connect().await;
    connection
        .send("PUT /a?b HTTP/1.1\r\nhost: test\r\ncookie: secret\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    assert_eq!(connection.head().await.status, 200);
    let head = "PUT /a?b HTTP/1.1\nhost: test\ntransfer-encoding: chunked\n\n";
    assert_eq!(connection.chunk().await.unwrap(), head.as_bytes());
    for (sent, chunk) in [("3\r\none\r\n", "one"), ("3\r\ntwo\r\n", "two")] {
        connection.send(sent).await;
        assert_eq!(connection.chunk().await.unwrap(), chunk.as_bytes());
    }
    connection.send("0\r\n\r\n").await;
    assert_eq!(connection.chunk().await.unwrap(), b"");
}
