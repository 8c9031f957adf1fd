//! `[server]`: where to listen, and which proxies to trust.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Span, TrustedProxies};

/// `[server]`.
#[derive(Clone, Debug)]
pub struct Server {
    /// The addresses: at least one, without duplicates.
    pub listen: Vec<ListenEntry>,
    /// Where each is written. Empty for the default address.
    pub(super) listen_spans: Vec<Span>,
    /// The proxies that say who the client is.
    pub trusted_proxies: TrustedProxies,
}

impl Server {
    /// Where the address at `index` is written, if it is, for errors such as "address in use".
    pub fn listen_span(&self, index: usize) -> Option<Span> {
        self.listen_spans.get(index).cloned()
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: vec![Listen::Tcp("127.0.0.1:9292".to_owned()).into()],
            listen_spans: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

/// One entry of `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenEntry {
    /// Where to listen.
    pub address: Listen,
    /// Whether each connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

impl From<Listen> for ListenEntry {
    fn from(address: Listen) -> Self {
        Self {
            address,
            proxy_protocol: false,
        }
    }
}

impl fmt::Display for ListenEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        match self.proxy_protocol {
            true => f.write_str(" (PROXY protocol)"),
            false => Ok(()),
        }
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

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
