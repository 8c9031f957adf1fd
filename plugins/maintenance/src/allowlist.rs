//! For whom there is no maintenance.

use std::net::IpAddr;

use ipnet::IpNet;
use stackup_plugin::{Error, Request, Result};

/// Clients and paths for which there is no maintenance.
pub(crate) struct Allowed {
    networks: Vec<IpNet>,
    paths: Vec<String>,
}

impl Allowed {
    pub(crate) fn new(networks: &[String], paths: Vec<String>) -> Result<Self> {
        let parse = |(index, text): (usize, &String)| {
            let network = text.parse::<IpNet>();
            let network = network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                let message = format!("{text:?} is neither an address nor a network: 10.0.0.0/8");
                Error::config(format!("allow[{index}]"), message)
            })
        };
        let networks = networks.iter().enumerate().map(parse);
        Ok(Self {
            networks: networks.collect::<Result<_>>()?,
            paths,
        })
    }

    pub(crate) fn lets(&self, req: &Request) -> bool {
        self.knows_client(req) || self.knows_path(req.path())
    }

    /// By the connection alone: any client can write a header.
    fn knows_client(&self, req: &Request) -> bool {
        let client = req.remote_addr().map(|address| address.ip().to_canonical());
        client.is_some_and(|ip| self.networks.iter().any(|network| network.contains(&ip)))
    }

    /// By whole segments.
    fn knows_path(&self, path: &str) -> bool {
        // A path with dots in it may be another one by the time that the app has read it.
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
