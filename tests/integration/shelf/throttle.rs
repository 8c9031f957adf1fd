//! `throttle`.

use stackup_tests::{Host, Site};

const MANIFEST: &str = r#"
run = "hello"
[[use]]
plugin = "throttle"
config.rules = [
  { name = "health", action = "safelist", when = { path = ["/health"] } },
  { name = "all", action = "throttle", rate = "25/h" },
]
"#;

/// How many of ten requests on each of ten connections pass.
async fn passed(host: &Host) -> usize {
    // What a client says of its address counts for nothing.
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 192.0.2.1\r\n\r\n";
    let mut connections = Vec::new();
    for _ in 0..10 {
        let mut connection = host.connect().await;
        connection.send(request.repeat(10)).await;
        connections.push(connection);
    }
    let mut passed = 0;
    for connection in &mut connections {
        for _ in 0..10 {
            let response = connection.response().await;
            match response.status() {
                200 => passed += 1,
                429 => assert!(response.header("retry-after").is_some(), "{response}"),
                _ => panic!("{response}"),
            }
        }
    }
    passed
}

#[tokio::test]
async fn limit_is_exact_over_connections_and_reloads() {
    let site = Site::new(MANIFEST, &["throttle", "hello", "headers"]);
    let host = Host::start(&site).await;
    assert_eq!(passed(&host).await, 25);
    let headers = "[[use]]\nplugin = \"headers\"\nconfig = { set = { x-new = \"1\" } }\n";
    site.manifest(&format!("{MANIFEST}{headers}"));
    host.reload("swapped").await;
    assert_eq!(passed(&host).await, 0, "the next generation counts on");
    assert_eq!(host.get("/health").await.status(), 200);
}
