//! HTTP/1.1 as clients see it.

/// The host as the upstream of a real nginx: bodies.
mod behind_nginx;
/// Request and response bodies, frame by frame.
mod bodies;
/// Cascades: stacks tried in order.
mod cascade;
/// Certificates of clients.
mod client_auth;
/// A wall clock that is set back.
mod clock;
/// Requests on one connection.
mod connections;
/// The end of requests and of the process.
mod endings;
/// The limit of connections, and no descriptors left.
mod full;
/// HTTP/2: the same stack, its limits, clients that attack it.
pub(crate) mod http2;
/// Limits on sizes, counts and times.
mod limits;
/// Listeners: addresses and sockets.
mod listeners;
/// `limits` of a map.
mod map_limits;
/// A real nginx in front of a host.
pub(crate) mod nginx;
/// One spelling of a path, for every layer.
mod paths;
/// Who the client is behind proxies.
mod proxies;
/// The PROXY protocol.
mod proxy_protocol;
/// Clients that send nothing, or take nothing.
mod slow_clients;
/// TLS: certificates, their renewal, tickets.
mod tls;
/// Request bodies that no handler reads.
mod unread_body;
/// A stderr without a reader.
mod unread_log;
/// Raw requests: `wire/*.case`.
mod wire;

use stackup_tests::{Host, Site};

/// A host that serves `probe` below a `stamp`, with these lines above.
async fn probe(lines: &str) -> (Site, Host) {
    let manifest = format!("use = [\"stamp\"]\nrun = \"probe\"\n{lines}");
    let site = Site::new(&manifest, &["probe", "stamp"]);
    let host = Host::start(&site).await;
    (site, host)
}
