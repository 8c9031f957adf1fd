//! What trusted proxies say about the client of a request: `Forwarded` (RFC 7239) and `X-Forwarded-…`.
//!
//! Each proxy appends to these headers, so they are read from the right: what an address says that is not
//! trusted, the client may have made up.

use std::net::{IpAddr, SocketAddr};

use forwarded_header::Malformed;
use http::HeaderMap;
use http::header::FORWARDED;
use http::uri::Authority;

use crate::load::manifest::TrustedProxies;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
const X_FORWARDED_HOST: &str = "x-forwarded-host";

/// What the proxies say. What they do not say, the connection does.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Forwarded {
    /// The client. Port 0 if it is not known.
    pub(super) client: Option<SocketAddr>,
    pub(super) https: Option<bool>,
    pub(super) host: Option<Authority>,
}

/// Why the headers cannot be believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardedError {
    /// Half a quoted string may hide what a proxy has appended.
    #[error("the header `forwarded` is malformed (RFC 7239)")]
    Malformed,
    /// The proxy writes one of the two and passes on the client's other one.
    #[error("the headers `forwarded` and `x-forwarded-…` disagree, so neither is believed")]
    Disagreement,
}

impl Forwarded {
    /// Reads the headers of a request that a trusted peer has sent.
    pub(super) fn read(
        headers: &HeaderMap,
        trusted: &TrustedProxies,
    ) -> Result<Self, ForwardedError> {
        let x = [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST];
        let has_x = x.iter().any(|name| headers.contains_key(*name));
        if !headers.contains_key(FORWARDED) {
            return Ok(Self::from_x_forwarded(headers, trusted));
        }
        let said = Self::from_forwarded(headers, trusted)?;
        if has_x && !said.agrees_with(&Self::from_x_forwarded(headers, trusted)) {
            return Err(ForwardedError::Disagreement);
        }
        Ok(said)
    }

    fn from_x_forwarded(headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        let last = |name| list(headers, name).last().map(str::to_owned);
        let hops: Vec<&str> = list(headers, X_FORWARDED_FOR).collect();
        let (client, _) = client(hops.into_iter().rev().map(address), trusted);
        Self {
            client,
            // The last value is that of the nearest proxy; the first may be the client's.
            https: last(X_FORWARDED_PROTO).and_then(|proto| is_https(&proto)),
            host: last(X_FORWARDED_HOST).and_then(|host| authority(&host)),
        }
    }

    fn from_forwarded(
        headers: &HeaderMap,
        trusted: &TrustedProxies,
    ) -> Result<Self, ForwardedError> {
        let mut hops = Vec::new();
        for line in headers.get_all(FORWARDED) {
            let line = line.to_str().map_err(|_| ForwardedError::Malformed)?;
            forwarded_header::parse(line, &mut hops)
                .map_err(|Malformed| ForwardedError::Malformed)?;
        }
        let addresses = hops.iter().rev().map(|hop| address(hop.client.as_deref()?));
        let (client, read) = client(addresses, trusted);
        // The hop that names the client has the scheme and the host that the client used.
        let hop = hops.iter().rev().nth(read.saturating_sub(1));
        Ok(Self {
            client,
            https: hop.and_then(|hop| is_https(hop.proto.as_deref()?)),
            host: hop.and_then(|hop| authority(hop.host.as_deref()?)),
        })
    }

    fn agrees_with(&self, other: &Self) -> bool {
        let ip = |said: &Self| said.client.map(|client| client.ip());
        ip(self) == ip(other) && self.https == other.https && self.host == other.host
    }
}

/// The client and how many hops were read. `hops` begins with the nearest.
fn client(
    hops: impl Iterator<Item = Option<SocketAddr>>,
    trusted: &TrustedProxies,
) -> (Option<SocketAddr>, usize) {
    let (mut client, mut read) = (None, 0);
    for hop in hops {
        read += 1;
        // Unknown or hidden: the proxy that says so is all that is known.
        let Some(address) = hop else { break };
        client = Some(address);
        if !trusted.trust(Some(address.ip())) {
            break;
        }
    }
    (client, read)
}

/// The items of a header that is a list, of all its lines.
fn list<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter();
    // A line that is not text has one item, which is nothing.
    let items = lines.flat_map(|line| line.to_str().unwrap_or("?").split(','));
    items.map(str::trim).filter(|item| !item.is_empty())
}

/// An address with or without a port, in brackets or not. The port may be hidden (`:_x`, RFC 7239 §6.3). IPv4 in IPv6 is
/// IPv4.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.split_once(":_").map_or(text, |(address, _)| address);
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(canonical(address));
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let ip: IpAddr = bare.unwrap_or(text).parse().ok()?;
    Some(canonical(SocketAddr::new(ip, 0)))
}

/// `address`, as IPv4 if it is IPv4 in IPv6 (`::ffff:192.0.2.1`).
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn is_https(proto: &str) -> Option<bool> {
    // A proxy may name the protocol of a WebSocket.
    match proto {
        _ if ["https", "wss"]
            .iter()
            .any(|word| proto.eq_ignore_ascii_case(word)) =>
        {
            Some(true)
        }
        _ if ["http", "ws"]
            .iter()
            .any(|word| proto.eq_ignore_ascii_case(word)) =>
        {
            Some(false)
        }
        _ => None,
    }
}

fn authority(host: &str) -> Option<Authority> {
    let authority: Authority = host.parse().ok()?;
    (!authority.host().is_empty() && !authority.as_str().contains('@')).then_some(authority)
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
