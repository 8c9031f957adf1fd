//! Raw requests and what comes back, byte by byte: `wire/*.case`.
//!
//! A case is what a client sends, in one piece, and the responses. After it the client sends a request of its own,
//! `GET /marker`: with `open`, this one is answered, and so the server has found the end of each request before it;
//! with `close`, the connection has ended before. `/smuggled` stands where no request is.

mod case;
mod nginx;

use stackup_tests::{Connection, Host, Site};

use self::case::{Case, Received};
use crate::cases;

/// The last request of each connection.
const MARKER: &str = "GET /marker HTTP/1.1\r\nhost: marker\r\nconnection: close\r\n\r\n";

const MANIFEST: &str =
    "run = \"received\"\n[limits]\nheader_bytes = \"64KiB\"\nbody_bytes = \"1MiB\"\n";

/// Sends a case and the marker, and reads to the end of the connection.
async fn exchange(mut connection: Connection, case: &Case) -> Vec<Received> {
    let mut bytes = case.bytes.clone();
    if !case.half_closes {
        bytes.extend_from_slice(MARKER.as_bytes());
    }
    // The server may have answered, and closed, before all is sent.
    let _ = connection.try_send(&bytes).await;
    if case.half_closes {
        connection.half_close().await;
    }
    case::received(&connection.rest().await)
}

#[tokio::test]
async fn each_raw_request_gets_its_response() {
    let site = Site::new(MANIFEST, &["received"]);
    let host = Host::start(&site).await;
    let mut found = Vec::new();
    for path in cases::all("wire") {
        let case = Case::read(&path);
        let received = exchange(host.connect().await, &case).await;
        found.push(case::text(&received).replace(host.address(), "127.0.0.1:PORT"));
    }
    cases::check_found("wire", found);
    assert!(cases::all("wire").len() >= 200);
}
