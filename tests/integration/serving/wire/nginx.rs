//! The same raw requests through a real nginx: each request that nginx finds is the one that the host answers.

use stackup_tests::{Host, Site};

use super::case::Case;
use super::{MANIFEST, exchange};
use crate::cases;
use crate::serving::nginx::Nginx;

/// Connections to the host are used again, so that a request that ends elsewhere for nginx than for the host would meet
/// the next client's.
fn server(buffering: &str) -> String {
    format!(
        "location / {{
            proxy_pass http://host;
            proxy_http_version 1.1;
            proxy_set_header connection '';
            proxy_request_buffering {buffering};
            add_header x-asked \"$request_method $request_uri\" always;
        }}"
    )
}

#[tokio::test]
async fn no_raw_request_is_two_behind_nginx() {
    for buffering in ["on", "off"] {
        let site = Site::new(MANIFEST, &["received"]);
        let host = Host::start(&site).await;
        let Some(nginx) = Nginx::start(host.address(), &server(buffering)).await else {
            return;
        };
        for path in cases::all("wire") {
            let case = Case::read(&path);
            let all = exchange(nginx.connect().await, &case).await;
            let name = path.display();
            // nginx may find other requests in these bytes than the host would.
            let other = all.iter().find(|response| !response.is_as_asked());
            assert!(other.is_none(), "{name}, buffering {buffering}: {other:?}");
            let before_last = &all[..all.len().saturating_sub(1)];
            let marked = before_last
                .iter()
                .any(|response| response.is_for("/marker"));
            assert!(!marked, "{name}, buffering {buffering}: {all:?}");
            let mut next = nginx.connect().await;
            let next = next.get("/next").await;
            let received = next.head.header("x-received").unwrap_or_default();
            assert!(
                received.starts_with("GET /next "),
                "{name}, buffering {buffering}: the next client got {next:?}"
            );
        }
    }
}
