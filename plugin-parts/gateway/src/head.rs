//! The heads of requests for a server, and of its responses.

use std::net::IpAddr;

use stackup_plugin::{Error, HeaderName, Request, Response, Result, Uri, Version, header};

/// The `host` that a server sees.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// That of the request.
    #[default]
    Keep,
    /// Its own, from `to`.
    Upstream,
}

/// The path that a server sees.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// All of it.
    #[default]
    Full,
    /// The part below the map (`PATH_INFO`).
    Inner,
}

/// The headers that tell a server about the client.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Forwarded {
    /// `x-forwarded-for`, `-proto`, `-host` and, with `path = "inner"`, `-prefix`.
    #[default]
    #[serde(rename = "x-forwarded")]
    DeFacto,
    /// `forwarded` (RFC 7239).
    #[serde(rename = "forwarded")]
    Standard,
    /// Both.
    Both,
    /// None.
    Remove,
}

/// What a client may not say of itself.
const CLIENTS: [HeaderName; 7] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// How heads are changed.
#[derive(Debug)]
pub struct Heads {
    /// The `host` that servers see.
    pub host: Host,
    /// The path that they see.
    pub path: Path,
    /// What tells them about the client.
    pub forwarded: Forwarded,
}

impl Heads {
    /// Prepares a request for any of the servers.
    ///
    /// # Errors
    ///
    /// The host gives a value that is not allowed in a header.
    pub fn prepare(&self, req: &mut Request) -> Result<()> {
        for name in &CLIENTS {
            req.headers_mut().remove(name.as_str());
        }
        let client = req.remote_addr().map(|address| address.ip());
        let host = req.header(header::HOST).map(str::to_owned);
        let scheme = req.scheme().to_owned();
        if matches!(self.forwarded, Forwarded::DeFacto | Forwarded::Both) {
            let prefix = match self.path {
                Path::Inner => Some(req.script_name().to_owned()),
                Path::Full => None,
            };
            let mut headers = req.headers_mut();
            if let Some(client) = client {
                headers.insert("x-forwarded-for", client.to_string())?;
            }
            headers.insert("x-forwarded-proto", &scheme)?;
            if let Some(host) = &host {
                headers.insert("x-forwarded-host", host)?;
            }
            if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
                headers.insert("x-forwarded-prefix", prefix)?;
            }
        }
        if matches!(self.forwarded, Forwarded::Standard | Forwarded::Both) {
            let element = element(client, &scheme, host.as_deref());
            req.headers_mut().insert(header::FORWARDED, element)?;
        }
        if self.host == Host::Upstream {
            req.headers_mut().remove(header::HOST);
        }
        let via = format!("{} stackup", version(req.version()));
        req.headers_mut().append(header::VIA, via)?;
        Ok(())
    }

    /// The request's target on the server at `origin` (`http://host:port`), whose own path is `prefix`: empty, or `/…` without a
    /// slash at its end.
    ///
    /// # Errors
    ///
    /// They make no URI.
    pub fn target(&self, req: &Request, origin: &str, prefix: &str) -> Result<Uri> {
        let path = match self.path {
            Path::Full => req.path(),
            Path::Inner => req.path_info(),
        };
        // `*` is for one server only, and a map may match all of a path.
        let path = if path.starts_with('/') { path } else { "/" };
        let (query, mark) = match req.query() {
            "" => ("", ""),
            query => (query, "?"),
        };
        let target = format!("{origin}{prefix}{path}{mark}{query}");
        let parsed = target.parse();
        parsed.map_err(|error| Error::msg(format!("the target on {origin}: {error}")))
    }
}

/// Notes in a response that it came through here (RFC 9110 §7.6.3).
///
/// # Errors
///
/// None known.
pub fn finish(res: &mut Response) -> Result<()> {
    res.headers_mut().append(header::VIA, "1.1 stackup")?;
    Ok(())
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        Version::HTTP_3 => "3.0",
        _ => "1.1",
    }
}

/// An element of `forwarded` (RFC 7239 §4). IPv6 addresses and ports need quotes.
fn element(client: Option<IpAddr>, scheme: &str, host: Option<&str>) -> String {
    let client = match client {
        Some(IpAddr::V4(address)) => format!("for={address}"),
        Some(IpAddr::V6(address)) => format!("for=\"[{address}]\""),
        None => "for=unknown".to_owned(),
    };
    match host {
        Some(host) => format!("{client};proto={scheme};host=\"{host}\""),
        None => format!("{client};proto={scheme}"),
    }
}
