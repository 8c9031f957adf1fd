//! Clients and paths that are let through.

use std::net::IpAddr;

use ipnet::IpNet;
use stackup_plugin::path::PathList;
use stackup_plugin::{Error, Request, Result};

/// Clients and paths that are let through.
pub(crate) struct Allowlist {
    networks: Vec<IpNet>,
    paths: PathList,
}

impl Allowlist {
    pub(crate) fn new(networks: &[String], paths: PathList) -> Result<Self> {
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
        self.allows_client(req) || self.paths.covers(req.path())
    }

    /// By the address of the connection: any client can send a header.
    fn allows_client(&self, req: &Request) -> bool {
        let client = req.remote_addr().map(|address| address.ip().to_canonical());
        client.is_some_and(|ip| self.networks.iter().any(|network| network.contains(&ip)))
    }
}
