//! Clients and paths that are let through.

use std::net::IpAddr;

use ipnet::IpNet;
use stackup_plugin::{Error, Request, Result};

/// Clients and paths that are let through.
pub(crate) struct Allowlist {
    networks: Vec<IpNet>,
    paths: Vec<String>,
}

impl Allowlist {
    pub(crate) fn new(networks: &[String], paths: Vec<String>) -> Result<Self> {
        let parse = |(index, text): (usize, &String)| {
            let network = text.parse::<IpNet>();
            let network = network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                let message =
                    format!("{text:?} is neither an IP address nor a network such as 10.0.0.0/8");
                Error::config(format!("allow[{index}]"), message)
            })
        };
        let networks = networks.iter().enumerate().map(parse);
        Ok(Self {
            networks: networks.collect::<Result<_>>()?,
            paths,
        })
    }

    pub(crate) fn allows(&self, req: &Request) -> bool {
        self.allows_client(req) || self.allows_path(req.path())
    }

    /// By the address of the connection: any client can send a header.
    fn allows_client(&self, req: &Request) -> bool {
        let client = req.remote_addr().map(|address| address.ip().to_canonical());
        client.is_some_and(|ip| self.networks.iter().any(|network| network.contains(&ip)))
    }

    /// Compares whole segments.
    fn allows_path(&self, path: &str) -> bool {
        // The app may resolve dot segments to another path.
        let plain = !path.split('/').any(|segment| {
            let segment = segment.to_ascii_lowercase().replace("%2e", ".");
            segment == "." || segment == ".."
        });
        plain
            && self
                .paths
                .iter()
                .any(|allowed| match path.strip_prefix(allowed.as_str()) {
                    Some(rest) => rest.is_empty() || rest.starts_with('/'),
                    None => false,
                })
    }
}
