//! A server, as requests name it: those that name the same one share its connections.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, Scheme};

/// Where a request goes, and by what it is carried.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Server {
    Tcp(Authority),
    Tls(TlsServer),
    Unix(PathBuf),
}

/// A server that is reached by TLS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TlsServer {
    pub(super) authority: Authority,
    /// The certificates to trust in place of the platform's, as PEM.
    pub(super) roots: Option<Bytes>,
    /// Whether HTTP/2 is of no use: it can't change a connection to another protocol.
    pub(super) is_http1: bool,
}

impl Server {
    /// Whether it has a name, which may lead to another address later.
    pub(super) fn is_named(&self) -> bool {
        match self {
            Self::Tcp(authority) | Self::Tls(TlsServer { authority, .. }) => {
                let host = authority.host();
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host.parse::<std::net::IpAddr>().is_err()
            }
            Self::Unix(_) => false,
        }
    }
}

/// The target of a connection by TCP to `authority`.
///
/// # Errors
///
/// None known: an authority with a port is one.
pub(super) fn tcp_target(authority: &Authority, default_port: u16) -> Result<Uri, http::Error> {
    let authority = match authority.port() {
        Some(_) => authority.clone(),
        None => Authority::try_from(format!("{}:{default_port}", authority.host()))?,
    };
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority);
    uri.path_and_query("/").build()
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(authority) => write!(f, "http://{authority}"),
            Self::Tls(server) => write!(f, "https://{}", server.authority),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
