//! What `force-ssl` is told.

use std::net::IpAddr;

use ipnet::IpNet;
use stackup_plugin::{Error, HeaderValue, Request, Result};

/// `[use.config]` of `force-ssl`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The host of the https server; that of the request if there is none.
    pub(crate) host: Option<String>,
    /// Its port.
    pub(crate) port: u16,
    /// Paths, and all below them, that are served without https, too.
    pub(crate) exclude: Vec<String>,
    /// Addresses and networks whose `x-forwarded-proto` is believed.
    pub(crate) trusted_proxies: Vec<String>,
    /// `strict-transport-security` (RFC 6797).
    pub(crate) hsts: Hsts,
    /// Whether each cookie that is set becomes `secure`.
    pub(crate) secure_cookies: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: None,
            port: 443,
            exclude: Vec::new(),
            trusted_proxies: Vec::new(),
            hsts: Hsts::default(),
            secure_cookies: true,
        }
    }
}

/// For how long browsers are to use https without being asked to.
#[stackup_plugin::config]
#[serde(default)]
pub struct Hsts {
    /// In seconds; 0 makes them forget it.
    max_age: u64,
    /// Whether hosts below this one are meant, too.
    include_subdomains: bool,
    /// Whether browsers may be shipped with it.
    preload: bool,
    /// Whether the header is sent.
    enabled: bool,
}

impl Default for Hsts {
    fn default() -> Self {
        Self {
            // A year.
            max_age: 31_536_000,
            include_subdomains: false,
            preload: false,
            enabled: true,
        }
    }
}

impl Hsts {
    pub(crate) fn header(&self) -> Result<Option<HeaderValue>> {
        if !self.enabled {
            return Ok(None);
        }
        if self.preload && !self.include_subdomains {
            let message = "browsers preload no host without `include_subdomains`";
            return Err(Error::config("hsts.preload", message));
        }
        let mut value = format!("max-age={}", self.max_age);
        if self.include_subdomains {
            value.push_str("; includeSubDomains");
        }
        if self.preload {
            value.push_str("; preload");
        }
        Ok(Some(HeaderValue::try_from(value)?))
    }
}

/// The proxies that are believed.
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    pub(crate) fn new(texts: &[String]) -> Result<Self> {
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
    pub(crate) fn is_secure(&self, req: &Request) -> bool {
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
