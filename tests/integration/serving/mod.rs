//! HTTP/1.1 as clients see it.

/// The host as the upstream of a real nginx.
mod behind_nginx;
/// Requests and responses with bodies, frame by frame.
mod bodies;
/// Stacks that are asked one after the other.
mod cascade;
/// One connection and the requests on it.
mod connections;
/// How requests and the process end.
mod endings;
/// What is too much, too slow or too long.
mod limits;
/// Where the host listens.
mod listeners;

/// Request bodies that no handler reads.
mod unread_body;
/// A stderr that nobody reads.
mod unread_log;

use stackup_tests::{Host, Site};

/// A host that serves `probe` below a `stamp`, with these lines above.
async fn probe(lines: &str) -> (Site, Host) {
    let manifest = format!("use = [\"stamp\"]\nrun = \"probe\"\n{lines}");
    let site = Site::new(&manifest, &["probe", "stamp"]);
    let host = Host::start(&site).await;
    (site, host)
}
