//! `logger`.

use stackup_tests::{Host, Site};

use super::{ask, serve};

#[tokio::test]
async fn log_line_follows_last_byte() {
    let site = Site::new(
        "use = [\"logger\"]\nrun = \"probe\"\n",
        &["logger", "probe"],
    );
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send(
            "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        )
        .await;
    connection.head().await;
    assert_eq!(connection.chunk().await.unwrap(), b"first");
    let line = |record: &stackup_tests::log::Record| record.message().contains("POST /echo");
    assert!(host.log().try_take(line).is_none());
    connection.send("0\r\n\r\n").await;
    let line = host.message("\"POST /echo HTTP/1.1\" 200 5 ").await;
    assert!(line.message().starts_with("127.0.0.1 - - ["), "{line}");
    // A request whose client disconnects has one too.
    connection
        .send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    host.message("probe: waiting").await;
    drop(connection);
    host.message("\"GET /wait HTTP/1.1\" - - ").await;
}

#[tokio::test]
async fn json_log_escapes_client_input() {
    let layer = r#"{ plugin = "logger", config = { format = "json" } }"#;
    let (_site, host) = serve(layer, &["logger"]).await;
    let mut connection = host.connect().await;
    let agent = "user-agent: a\"b\t\\u{9b}\u{9b}é";
    ask(&mut connection, "GET /x?fail=no+tea", &[agent]).await;
    let line = host.message("\"path\":\"/x\"").await;
    let object: serde_json::Value = serde_json::from_str(line.message()).unwrap();
    assert_eq!(object["status"], 500);
    assert_eq!(
        (&object["error"], &object["handler"]),
        (&"no tea".into(), &"answers".into())
    );
    assert!(!line.message().contains(char::is_control), "{line}");
}
