//! `[server] trusted_proxies`: whose word about the client is believed.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// The proxies that are trusted to say who the client is. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    pub(super) networks: Vec<IpNet>,
    /// Whether peers on Unix sockets are trusted.
    pub(super) unix: bool,
}

impl TrustedProxies {
    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    /// Whether a peer is trusted; `None` is one on a Unix socket.
    pub fn trust(&self, peer: Option<IpAddr>) -> bool {
        let Some(ip) = peer else { return self.unix };
        let ip = ip.to_canonical();
        self.networks.iter().any(|network| network.contains(&ip))
    }
}

#[cfg(test)]
impl TrustedProxies {
    /// Those of `network` alone.
    pub(crate) fn of(network: &str) -> Self {
        Self {
            networks: self::network(network).into_iter().collect(),
            unix: false,
        }
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        all.extend(self.unix.then(|| "unix".to_owned()));
        f.write_str(&all.join(", "))
    }
}

/// The address or network written as `text`. IPv4 in IPv6 is IPv4.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let Ok(network) = text.parse::<IpNet>() else {
        return Some(text.parse::<IpAddr>().ok()?.to_canonical().into());
    };
    match (
        network.addr().to_canonical(),
        network.prefix_len().checked_sub(96),
    ) {
        (IpAddr::V4(v4), Some(prefix)) if network.addr().is_ipv6() => {
            Some(Ipv4Net::new(v4, prefix).ok()?.into())
        }
        _ => Some(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_network_is_ipv4() {
        for (text, wanted) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("fd00::/8", "fd00::/8"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(network(text), Some(wanted.parse().unwrap()), "{text}");
        }
        for text in ["", "10.0.0.0/33", "proxy", "10.0.0", "[::1]", "10.0.0.1:80"] {
            assert_eq!(network(text), None, "{text}");
        }
    }

    #[test]
    fn mapped_peer_is_trusted_as_ipv4() {
        let trusted = TrustedProxies {
            networks: vec![network("10.0.0.0/8").unwrap()],
            unix: false,
        };
        let ip = |text: &str| Some(text.parse().unwrap());
        assert!(trusted.trust(ip("10.1.2.3")) && trusted.trust(ip("::ffff:10.1.2.3")));
        assert!(
            !trusted.trust(ip("11.0.0.1")) && !trusted.trust(ip("::1")) && !trusted.trust(None)
        );
    }
}
