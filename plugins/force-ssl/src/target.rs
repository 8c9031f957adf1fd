//! Where a request goes on by https.

use stackup_plugin::http::uri::Authority;
use stackup_plugin::{Error, Request, Result};

/// The https server.
pub(crate) struct Target {
    host: Option<String>,
    /// With its colon; empty for the usual one.
    port: String,
}

impl Target {
    pub(crate) fn new(host: Option<&str>, port: u16) -> Result<Self> {
        let host = host.map(|text| {
            let refuse = || {
                let message =
                    format!("{text:?} is not the name of a host; its port goes to `port`");
                Error::config("host", message)
            };
            let authority: Authority = text.parse().map_err(|_| refuse())?;
            let alone = authority.host() == text && !text.is_empty();
            alone.then(|| text.to_owned()).ok_or_else(refuse)
        });
        Ok(Self {
            host: host.transpose()?,
            port: match port {
                443 => String::new(),
                port => format!(":{port}"),
            },
        })
    }

    /// The request's own URL by https; none if it does not say of which host, or not as HTTP has it.
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
    let mut told = req.headers().get_all("host");
    let first = told.next();
    // A second one is an attack on whoever looks at the other (RFC 9112 §3.2).
    if told.next().is_some() {
        return None;
    }
    let authority: Authority = match uri.authority() {
        Some(authority) => authority.clone(),
        None => first?.to_str()?.parse().ok()?,
    };
    // Before an `@` stands what looks like a host and is none.
    let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
    plain.then(|| authority.host().to_owned())
}
