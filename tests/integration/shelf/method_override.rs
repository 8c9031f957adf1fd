//! `method-override`.

use super::serve;

#[tokio::test]
async fn overridden_form_keeps_body() {
    let (_site, host) = serve("\"method-override\"", &["method-override"]).await;
    let mut connection = host.connect().await;
    let head = "POST /?show=env HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let body = "_method=delete&a=b";
    let length = body.len();
    connection
        .send(format!("{head}content-length: {length}\r\n\r\n{body}"))
        .await;
    let text = connection.response().await.text();
    assert!(text.contains("REQUEST_METHOD=DELETE\n"), "{text}");
    assert!(
        text.contains("rack.methodoverride.original_method=POST\n"),
        "{text}"
    );
    assert!(text.ends_with("\n_method=delete&a=b"), "{text}");
    // Found before the rest of the form is there.
    let chunks = format!("{head}transfer-encoding: chunked\r\n\r\n12\r\n_method=PUT&a=more\r\n");
    connection.send(chunks).await;
    host.message("answers: PUT /").await;
    connection.send("0\r\n\r\n").await;
    assert!(connection.response().await.text().ends_with("a=more"));
}
