//! The known hosts.

use std::net::IpAddr;

use authority::Authority;
use ipnet::IpNet;

/// The known hosts.
#[derive(Default)]
pub(crate) struct Hosts(Vec<Host>);

enum Host {
    Name(String),
    /// A name with its leading dot: the host and its subdomains.
    Subdomains(String),
    Network(IpNet),
}

impl Hosts {
    /// Adds a host; an error completes "`text` is …".
    pub(crate) fn add(&mut self, text: &str) -> Result<(), &'static str> {
        self.0.push(Host::parse(text)?);
        Ok(())
    }

    /// Whether a `host` header, with or without a port, names one of them.
    pub(crate) fn contain(&self, field: &str) -> bool {
        Authority::parse(field).is_some_and(|asked| self.0.iter().any(|known| known.matches(asked)))
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let network = text.parse().ok();
        let network = network.or_else(|| text.parse::<IpAddr>().map(IpNet::from).ok());
        if let Some(network) = network {
            return Ok(Self::Network(network));
        }
        let lower = text.to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix('.') {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        if !is_name(name) {
            return Err(
                "not a host (`www.example.com`), a host with subdomains (`.example.com`), an address or a network",
            );
        }
        Ok(match below {
            true => Self::Subdomains(lower),
            false => Self::Name(lower),
        })
    }

    fn matches(&self, asked: Authority<'_>) -> bool {
        let host = asked.host;
        match self {
            Self::Name(name) => host.eq_ignore_ascii_case(name),
            Self::Subdomains(end) => {
                let host = host.to_ascii_lowercase();
                is_name(&host) && (host.ends_with(end.as_str()) || end[1..] == host)
            }
            Self::Network(network) => {
                let address = asked.address();
                address.is_some_and(|address| network.contains(&address))
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    let name = |name: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !name.is_empty() && name.bytes().all(letter)
    };
    text.split('.').all(name)
}
