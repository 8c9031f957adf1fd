//! Who sent a request, as the program around the stack knows it.

use std::net::SocketAddr;

use http::Extensions;
use http::uri::{Scheme, Uri};
use stackup_plugin::abi::host::Connection;

/// The client of a request: put it into the request's extensions, or see
/// [`OpenOptions::client`](super::OpenOptions::client).
///
/// A request without one counts as one from a Unix socket: `REMOTE_ADDR` is missing, and `trusted_proxies` speaks of it as `unix`.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
    local: Option<SocketAddr>,
    https: Option<bool>,
}

impl Client {
    /// The other end of the connection: the client or, where `[server] trusted_proxies` says so, a proxy.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            local: None,
            https: None,
        }
    }

    /// The address that it has connected to (`SERVER_ADDR`).
    #[must_use]
    pub fn connected_to(self, local: SocketAddr) -> Self {
        let local = Some(local);
        Self { local, ..self }
    }

    /// Whether the connection is encrypted. Otherwise the request's URL says it, if it has a scheme, as in HTTP/2.
    #[must_use]
    pub fn https(self, https: bool) -> Self {
        let https = Some(https);
        Self { https, ..self }
    }

    /// The connection of a request to `uri`.
    pub(super) fn connection(client: Option<Self>, uri: &Uri) -> Connection {
        let https = client.and_then(|client| client.https);
        Connection {
            remote: client.map(|client| canonical(client.address)),
            local: client.and_then(|client| client.local).map(canonical),
            https: https.unwrap_or_else(|| uri.scheme() == Some(&Scheme::HTTPS)),
        }
    }

    /// The one that a request's extensions have.
    pub(super) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().copied()
    }
}

/// An IPv4 address as such, also on an IPv6 socket.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_says_the_scheme_unless_the_program_does() {
        let (https, path) = (Uri::from_static("https://a/"), Uri::from_static("/"));
        let client = Client::at(([127, 0, 0, 1], 5).into());
        assert!(Client::connection(None, &https).https);
        assert!(Client::connection(Some(client), &https).https);
        assert!(!Client::connection(Some(client), &path).https);
        assert!(!Client::connection(Some(client.https(false)), &https).https);
        assert!(Client::connection(Some(client.https(true)), &path).https);
    }
}
