//! Whether a request came over https.

use std::net::IpAddr;

use ipnet::IpNet;
use stackup_plugin::{Error, Request, Result};

/// The trusted proxies.
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Parses addresses and networks.
    ///
    /// # Errors
    ///
    /// Text that is neither; the error points at the key `trusted_proxies`.
    pub fn new(texts: &[String]) -> Result<Self> {
        let parse = |(index, text): (usize, &String)| {
            let network = text
                .parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                let message =
                    format!("{text:?} is neither an IP address nor a network such as 10.0.0.0/8");
                Error::config(format!("trusted_proxies[{index}]"), message)
            })
        };
        let networks = texts.iter().enumerate().map(parse);
        Ok(Self(networks.collect::<Result<_>>()?))
    }

    /// Whether the request came over https.
    pub fn is_secure(&self, req: &Request) -> bool {
        if req.scheme() == "https" {
            return true;
        }
        let peer = req.remote_addr().map(|address| address.ip().to_canonical());
        let trusted = peer.is_some_and(|ip| self.0.iter().any(|network| network.contains(&ip)));
        // The last value is the nearest proxy's; earlier ones may come from the client.
        let values = req.headers().get_all("x-forwarded-proto").last();
        let last = values.and_then(|value| value.to_str()?.rsplit(',').next().map(str::trim));
        trusted && last.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
    }
}
