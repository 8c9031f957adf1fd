//! The known hosts.

use std::net::IpAddr;

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
        let Some(host) = without_port(field) else {
            return false;
        };
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|known| known.matches(&host))
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

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => host == name,
            Self::Subdomains(end) => {
                is_name(host) && (host.ends_with(end.as_str()) || &end[1..] == host)
            }
            Self::Network(network) => {
                let address = host
                    .strip_prefix('[')
                    .and_then(|host| host.strip_suffix(']'));
                let address = address.unwrap_or(host).parse::<IpAddr>();
                address.is_ok_and(|ip| network.contains(&ip.to_canonical()))
            }
        }
    }
}

/// The host of `host[:port]`; none if the port is malformed.
fn without_port(field: &str) -> Option<&str> {
    let end = match field.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => field.find(':').unwrap_or(field.len()),
    };
    let (host, rest) = field.split_at_checked(end)?;
    let is_port = match rest.strip_prefix(':') {
        Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()),
        None => rest.is_empty(),
    };
    is_port.then_some(host)
}

fn is_name(text: &str) -> bool {
    let name = |name: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !name.is_empty() && name.bytes().all(letter)
    };
    text.split('.').all(name)
}
