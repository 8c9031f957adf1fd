//! The rules of SPEC.md, checked between the layers of `stackup dev`.

mod shelf;
mod violations;

use serde_json::Value;
use stackup_tests::Host;

/// The inspector's findings: handler, rule and count.
async fn findings(host: &Host) -> Vec<(String, String, u64)> {
    let text = findings_json(host).await;
    let all: Vec<Value> = serde_json::from_str(&text).expect("the inspector's JSON");
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    all.iter()
        .map(|one| {
            (
                text(one, "handler"),
                text(one, "rule"),
                one["count"].as_u64().unwrap_or_default(),
            )
        })
        .collect()
}

/// The inspector's findings as JSON.
async fn findings_json(host: &Host) -> String {
    let mut connection = host.connect().await;
    connection
        .send("GET /_stackup/api/lint HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let response = connection.response().await;
    assert_eq!(response.status(), 200);
    response.text().to_owned()
}

/// Sends a request and reads the response as far as it goes: some are invalid on purpose.
async fn send(host: &Host, request: &str) {
    let mut connection = host.connect().await;
    connection.send(request).await;
    let Ok(head) = connection.try_head().await else {
        return;
    };
    let length = head
        .header("content-length")
        .and_then(|length| length.parse().ok());
    let bodiless = request.starts_with("HEAD") || [204, 304].contains(&head.status);
    match length {
        _ if bodiless => {}
        Some(length) => drop(connection.part(length).await),
        None => {
            while connection
                .chunk()
                .await
                .is_ok_and(|chunk| !chunk.is_empty())
            {}
        }
    }
}
