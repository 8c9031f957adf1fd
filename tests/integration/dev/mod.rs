//! `stackup dev` as HTTP clients see it.

/// The inspector's API: facts and changes.
mod api;
/// The stream of events.
mod events;
/// Which clients may read, and which may change something.
mod guards;
/// Which pages get the script.
mod pages;
/// Replays before a swap.
mod replay;
/// `--tls`.
mod tls;

use stackup_tests::http::Response;
use stackup_tests::{Host, Site};

/// `answers` as a site's app below these lines, in development.
async fn answers(manifest: &str, plugins: &[&str]) -> (Site, Host) {
    let site = Site::new(manifest, &[plugins, &["answers"]].concat());
    let host = Host::develop(&site).await;
    (site, host)
}

/// The response to a request with the host's own name and these header lines.
async fn ask(host: &Host, method: &str, target: &str, lines: &[&str], body: &str) -> Response {
    let mut connection = host.connect().await;
    let address = host.address();
    let length = body.len();
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    connection
        .send(format!(
            "{method} {target} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n{lines}\r\n{body}"
        ))
        .await;
    match method {
        "HEAD" => Response {
            head: connection.head().await,
            ..Response::default()
        },
        _ => connection.response().await,
    }
}

/// `text` encoded for a query.
fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02x}"));
    bytes.collect()
}

async fn get(host: &Host, target: &str, lines: &[&str]) -> Response {
    ask(host, "GET", target, lines, "").await
}
