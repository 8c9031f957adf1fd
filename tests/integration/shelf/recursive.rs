//! `recursive`.

use super::serve_site;

const MANIFEST: &str = r#"
run = "answers"
[[map]]
path = "/shop"
use  = [{ plugin = "recursive", config = { most = 2 } }, "request-id"]
run  = "answers"
"#;

/// The query that makes the app forward the request.
fn forward(to: &str) -> String {
    let to: String = to.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("/a?header=rack.forward:{to}")
}

#[tokio::test]
async fn recursive_request_stays_below_its_map() {
    let (_site, host) = serve_site(MANIFEST, &["answers", "recursive", "request-id"]).await;
    let mut connection = host.connect().await;
    let there = "/b?env=REQUEST_METHOD&env=SCRIPT_NAME&env=PATH_INFO";
    let head = format!(
        "POST /shop{} HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nbody",
        forward(there)
    );
    connection.send(head).await;
    let res = connection.response().await;
    assert_eq!(
        res.text(),
        "REQUEST_METHOD=POST\nSCRIPT_NAME=/shop\nPATH_INFO=/b\nbody"
    );
    assert_eq!(res.header("rack.forward"), None);
    assert!(res.header("x-request-id").is_some());
    // A loop ends.
    let round = forward(&forward(&forward("/c")));
    assert_eq!(connection.get(&format!("/shop{round}")).await.status(), 500);
    host.message("forwarded more than 2 times").await;
    // Without `recursive`, nothing handles the forward.
    let res = connection.get(&forward("/b")).await;
    assert_eq!((res.status(), res.header("rack.forward")), (200, None));
}
