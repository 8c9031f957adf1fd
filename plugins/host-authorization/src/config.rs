//! The config of `host-authorization`.

use stackup_plugin::path::PathList;
use stackup_plugin::{Error, Result};

use crate::hosts::Hosts;

/// The names of the local machine.
const DEVELOPMENT: [&str; 5] = ["localhost", ".localhost", ".test", "127.0.0.0/8", "::1"];

/// `[use.config]` of `host-authorization`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// Hosts (`www.example.com`), hosts with their subdomains (`.example.com`), addresses and networks.
    hosts: Vec<String>,
    /// Paths that are served for every host, with everything below them.
    pub(crate) exclude: PathList,
}

impl Config {
    pub(crate) fn hosts(&self, environment: &str) -> Result<Hosts> {
        let mut hosts = Hosts::default();
        for (index, host) in self.hosts.iter().enumerate() {
            hosts.add(host).map_err(|why| {
                Error::config(format!("hosts[{index}]"), format!("{host:?} is {why}"))
            })?;
        }
        if environment == "development" {
            for host in DEVELOPMENT {
                hosts.add(host).map_err(Error::msg)?;
            }
        } else if self.hosts.is_empty() {
            let message =
                "no hosts, so every request would be refused; list the hosts of this server";
            return Err(Error::config("hosts", message));
        }
        Ok(hosts)
    }
}
