//! A middleware that only admits requests for known hosts: Rails' `HostAuthorization`.

#![forbid(unsafe_code)]

mod config;
mod hosts;

use stackup_plugin::path::PathList;
use stackup_plugin::{Context, Middleware, Next, Request, Response, Result, StatusCode, tracing};

pub use self::config::Config;
use self::hosts::Hosts;

/// Only admits requests for known hosts.
pub struct HostAuthorization {
    hosts: Hosts,
    exclude: PathList,
}

impl Middleware for HostAuthorization {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Ok(Self {
            hosts: config.hosts(cx.environment())?,
            exclude: config.exclude,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        if self.exclude.covers(req.path()) {
            return next.run(req).await;
        }
        match self.unknown_host(&req) {
            None => return next.run(req).await,
            Some(UnknownHost { place, name }) => {
                tracing::warn!(
                    host = name,
                    "refused a request whose {place} is not in `hosts`"
                );
            }
        }
        // RFC 9110 §15.5.20. The page does not repeat the name, which an attacker may have chosen.
        Ok(Response::new(StatusCode::MISDIRECTED_REQUEST))
    }
}

/// The headers that name a host, and how the log calls them.
const FIELDS: [(&str, &str); 3] = [
    ("host", "`host`"),
    ("x-forwarded-host", "`x-forwarded-host`"),
    ("forwarded", "`forwarded`"),
];

/// The hosts in a line of `Forwarded` (RFC 7239). Also what only looks like one, inside of a quoted string: a layer below
/// may read it differently.
fn forwarded_hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split([',', ';']).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let is_host = name.trim().eq_ignore_ascii_case("host");
        is_host.then(|| value.trim().trim_matches('"'))
    })
}

/// A host name that is not known.
struct UnknownHost {
    /// Where the request has it.
    place: &'static str,
    name: String,
}

impl HostAuthorization {
    /// The first host name that a layer below may read and that is not known.
    fn unknown_host(&self, req: &Request) -> Option<UnknownHost> {
        let uri = req.uri();
        // The host of an absolute-form target takes precedence over `host` (RFC 9112 §3.2.2).
        let target = uri.authority().map(|authority| authority.as_str());
        let unknown = |place, name: &str| UnknownHost {
            place,
            name: name.to_owned(),
        };
        if let Some(name) = target.filter(|name| !self.hosts.contain(name)) {
            return Some(unknown("target", name));
        }
        let mut named = target.is_some();
        for (header, place) in FIELDS {
            for field in req.headers().get_all(header) {
                named = true;
                let Some(text) = field.to_str() else {
                    return Some(unknown(place, &String::from_utf8_lossy(field.as_bytes())));
                };
                // What is malformed, a layer below may understand all the same.
                if header == "forwarded" && forwarded_header::parse(text, &mut Vec::new()).is_err()
                {
                    return Some(unknown(place, text));
                }
                // Proxies add their own; apps differ in which one they use.
                let mut names: Box<dyn Iterator<Item = &str>> = match header {
                    "forwarded" => Box::new(forwarded_hosts(text)),
                    _ => Box::new(text.split(',').map(str::trim)),
                };
                if let Some(name) = names.find(|name| !self.hosts.contain(name)) {
                    return Some(unknown(place, name));
                }
            }
        }
        (!named).then(|| unknown("host", ""))
    }
}

stackup_plugin::export!(middleware HostAuthorization as "host-authorization");

#[cfg(test)]
mod tests;
