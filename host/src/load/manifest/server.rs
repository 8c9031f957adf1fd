//! `[server]`: where to listen, and which proxies to trust.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ListenProtocols, ListenTls, Span, TrustedProxies};

/// `[server]`.
#[derive(Clone, Debug)]
pub struct Server {
    /// The addresses: at least one, without duplicates.
    pub listen: Vec<ListenEntry>,
    /// Where each is written. Empty for the default address.
    pub(super) listen_spans: Vec<Span>,
    /// Where each certificate of each address is written.
    pub(super) tls_spans: Vec<Vec<Span>>,
    /// The proxies that say who the client is.
    pub trusted_proxies: TrustedProxies,
}

impl Server {
    /// Where the address at `index` is written, if it is, for errors such as "address in use".
    pub fn listen_span(&self, index: usize) -> Option<Span> {
        self.listen_spans.get(index).cloned()
    }

    /// Where the certificate at `index` of a listener with this `tls` is written, for errors such as "expired". After its own there is that of
    /// the CAs of clients.
    pub fn certificate_span(&self, tls: &ListenTls, index: usize) -> Option<Span> {
        let mut listen = self.listen.iter();
        let entry = listen.position(|entry| entry.protocols.tls.as_ref() == Some(tls))?;
        self.tls_spans.get(entry)?.get(index).cloned()
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: vec![Listen::Tcp("127.0.0.1:9292".to_owned()).into()],
            listen_spans: Vec::new(),
            tls_spans: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

/// One entry of `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenEntry {
    /// Where to listen.
    pub address: Listen,
    /// What its connections speak besides HTTP/1.1.
    pub protocols: ListenProtocols,
}

impl From<Listen> for ListenEntry {
    fn from(address: Listen) -> Self {
        Self {
            address,
            protocols: ListenProtocols::default(),
        }
    }
}

impl fmt::Display for ListenEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        self.protocols.fmt(f)
    }
}

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Listen {
    /// `host:port`. The host may be a name, which is resolved later. Port 0 takes any free port.
    Tcp(String),
    /// A socket file, written `unix:/path`.
    Unix(PathBuf),
}

impl Listen {
    /// Whether other machines reach it, as far as can be told without looking up a name.
    pub(super) fn is_far(&self) -> bool {
        match self {
            Self::Tcp(address) => {
                let address = address.parse::<SocketAddr>();
                address.is_ok_and(|address| !address.ip().to_canonical().is_loopback())
            }
            Self::Unix(_) => false,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
