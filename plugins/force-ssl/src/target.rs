//! The https URL of a request.

use authority::Authority;
use stackup_plugin::{Error, Request, Result};

/// The https server.
pub(crate) struct Target {
    host: Option<String>,
    /// With its colon; empty for 443.
    port: String,
}

impl Target {
    pub(crate) fn new(host: Option<&str>, port: u16) -> Result<Self> {
        let host = host.map(|text| {
            let refuse = || {
                let message = format!("{text:?} is not a host name; a port belongs in `port`");
                Error::config("host", message)
            };
            let authority = Authority::parse(text).ok_or_else(refuse)?;
            (authority.host == text)
                .then(|| text.to_owned())
                .ok_or_else(refuse)
        });
        Ok(Self {
            host: host.transpose()?,
            port: match port {
                443 => String::new(),
                port => format!(":{port}"),
            },
        })
    }

    /// The request's own URL with https; none if the host is missing or malformed.
    pub(crate) fn of(&self, req: &Request) -> Option<String> {
        let uri = req.uri();
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = if target == "*" { "/" } else { target };
        let host = match &self.host {
            Some(host) => host.clone(),
            None => host(req)?,
        };
        Some(format!("https://{host}{}{target}", self.port))
    }
}

fn host(req: &Request) -> Option<String> {
    let uri = req.uri();
    let mut hosts = req.headers().get_all("host");
    let first = hosts.next();
    // A second `host` could mislead a component that reads the other one (RFC 9112 §3.2).
    if hosts.next().is_some() {
        return None;
    }
    let authority = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => first?.to_str()?,
    };
    Authority::parse(authority).map(|authority| authority.host.to_owned())
}
