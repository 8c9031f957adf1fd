use stackup_tests::http::{Head, Response};
use stackup_tests::{Connection, Host};

use super::case::Step;

/// Headers that differ between runs, or never differ.
const IGNORED_HEADERS: [&str; 8] = [
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "date",
    "server-timing",
    "transfer-encoding",
    "x-content-type-options",
];

/// Sends the step's request. Without a `host` header it gets the host's own; `ADDRESS` is replaced by it.
pub(super) async fn send(host: &Host, step: &Step) -> Connection {
    // The head, which may be empty, ends at the first empty line.
    let text = format!("\n{}", step.text);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let (head, body) = (head.trim(), body.trim_end());
    let own = match head.starts_with("host:") {
        true => "",
        false => "host: ADDRESS\n",
    };
    let head = format!("{} HTTP/1.1\n{own}{head}", step.title);
    let head = head.trim_end().replace("ADDRESS", host.address());
    let head = head.replace('\n', "\r\n");
    let length = match body.len() {
        0 => String::new(),
        length => format!("content-length: {length}\r\n"),
    };
    let mut connection = host.connect().await;
    connection
        .send(format!("{head}\r\n{length}\r\n{body}"))
        .await;
    connection
}

/// The text of a response in a case.
pub(super) fn response_text(response: &Response) -> String {
    let text = response.text();
    format!("{}\n{}\n", head_text(&response.head), text.trim_end())
}

/// The text of a head in a case.
pub(super) fn head_text(head: &Head) -> String {
    let mut shown = format!("HTTP/1.1 {}\n", head.status);
    for (name, value) in &head.headers {
        if !IGNORED_HEADERS.contains(&name.as_str()) {
            shown.push_str(&format!("{name}: {value}\n"));
        }
    }
    shown
}

/// Whether only the placeholder serves.
pub(super) async fn serves_placeholder(host: &Host) -> bool {
    let (title, text) = ("GET /_stackup/api/stack".to_owned(), String::new());
    let mut connection = send(host, &Step { title, text }).await;
    let stack = connection.response().await.body;
    // The placeholder has no `[dev]` settings, so the inspector is on.
    let stack = serde_json::from_slice::<serde_json::Value>(&stack);
    stack.is_ok_and(|stack| stack["state"]["generation"] == 0)
}
