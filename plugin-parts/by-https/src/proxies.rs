//! Whether a client came by https.

use std::net::IpAddr;

use ipnet::IpNet;
use stackup_plugin::{Error, Request, Result};

/// The proxies that are believed.
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Of addresses and networks.
    ///
    /// # Errors
    ///
    /// What is neither, at the key `trusted_proxies`.
    pub fn new(texts: &[String]) -> Result<Self> {
        let parse = |(index, text): (usize, &String)| {
            let network = text
                .parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                let message = format!("{text:?} is neither an address nor a network: 10.0.0.0/8");
                Error::config(format!("trusted_proxies[{index}]"), message)
            })
        };
        let networks = texts.iter().enumerate().map(parse);
        Ok(Self(networks.collect::<Result<_>>()?))
    }

    /// Whether the client came by https.
    pub fn is_secure(&self, req: &Request) -> bool {
        if req.scheme() == "https" {
            return true;
        }
        let peer = req.remote_addr().map(|address| address.ip().to_canonical());
        let trusted = peer.is_some_and(|ip| self.0.iter().any(|network| network.contains(&ip)));
        // Of several proxies the last one's word: the first may be the client's.
        let told = req.headers().get_all("x-forwarded-proto").last();
        let last = told.and_then(|told| told.to_str()?.rsplit(',').next().map(str::trim));
        trusted && last.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
    }
}
