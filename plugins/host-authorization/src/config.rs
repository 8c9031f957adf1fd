//! What `host-authorization` is told.

use stackup_plugin::{Error, Result};

use crate::hosts::Hosts;

/// What a machine is to those who develop on it.
const DEVELOPMENT: [&str; 5] = ["localhost", ".localhost", ".test", "127.0.0.0/8", "::1"];

/// `[use.config]` of `host-authorization`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// Hosts (`www.example.com`), hosts with all below them (`.example.com`), addresses and networks.
    hosts: Vec<String>,
    /// Paths, and all below them, that are served for every host.
    pub(crate) exclude: Vec<String>,
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
            let message = "every request would be refused: name the hosts of this server";
            return Err(Error::config("hosts", message));
        }
        Ok(hosts)
    }
}
