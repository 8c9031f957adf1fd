//! Access control: only this machine, by one of its own names, from a page of this site.
//!
//! The checks on names and origins are against pages from elsewhere in a local browser. They could send requests
//! through another name for this address (DNS rebinding), with a form, or as a script or an image of theirs.

use std::borrow::Cow;
use std::net::IpAddr;

use authority::Authority;
use forwarded_header::{Hop, Malformed};
use http::header::{FORWARDED, HOST, HeaderName, ORIGIN, VIA};
use http::{HeaderMap, HeaderValue};
use stackup_plugin::abi::host::Connection;

use crate::serve::observe::{Head, ObserverEnds};

/// Says which kind of page sends a request (W3C Fetch Metadata §2). Scripts cannot set it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The start of the names of most headers that proxies add.
const X_FORWARDED: &str = "x-forwarded-";

/// Headers in which a proxy names the client.
const CLIENT: [HeaderName; 2] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

/// Whether a request may read. A proxy on this machine must not open the pages to the world, so both the connection and
/// the client behind trusted proxies must be of this machine; so must every client that other proxies name.
///
/// # Errors
///
/// Why not, and what to do.
pub(super) fn may_read(ends: ObserverEnds, request: Head<'_>) -> Result<(), &'static str> {
    let headers = request.headers;
    // A unix socket has no remote address; the permissions of its file decide.
    let is_local = |end: Connection| end.remote.is_none_or(|remote| is_loopback(remote.ip()));
    let clients = clients(headers);
    let are_local = clients
        .iter()
        .flatten()
        .all(|client| is_local_address(client));
    if !is_local(ends.peer) || !is_local(ends.client) || !are_local {
        return Err("`/_stackup/` accepts connections from this machine only\n\
             help: open a tunnel, for instance with `ssh -L 9292:127.0.0.1:9292`");
    }
    if clients.contains(&None) || (clients.is_empty() && is_proxied(headers)) {
        return Err(
            "`/_stackup/` accepts no request through a proxy that does not say who the client is\n\
             help: have it send `x-forwarded-for`, or connect without it",
        );
    }
    if !names_are_local(request) {
        return Err("`/_stackup/` accepts no request for this `Host`\n\
             help: use `localhost`, `127.0.0.1` or `[::1]`");
    }
    if is_of_another_site(headers) {
        return Err(
            "`/_stackup/` is for its own pages: this request comes from a page of another site",
        );
    }
    Ok(())
}

/// Whether a request may write, if it may read.
///
/// # Errors
///
/// Why not.
pub(super) fn may_write(ends: ObserverEnds, headers: &HeaderMap) -> Result<(), &'static str> {
    let host = only(headers, &HOST).unwrap_or_default();
    let scheme = match ends.client.https {
        true => "https://",
        false => "http://",
    };
    let same = |origin: &str| origin.strip_prefix(scheme) == Some(host);
    let fetched = headers.get(SEC_FETCH_SITE);
    match only(headers, &ORIGIN) {
        Some(origin) if same(origin) && fetched.is_none_or(|site| site == "same-origin") => Ok(()),
        _ => Err(
            "only the inspector's own page may change the manifest: `Origin` is missing or names another site",
        ),
    }
}

/// The clients that proxies name. None stands for an element of `forwarded` that names none, and for what is malformed.
fn clients(headers: &HeaderMap) -> Vec<Option<Cow<'_, str>>> {
    let lists = CLIENT.into_iter().flat_map(|name| items(headers, &name));
    let mut clients: Vec<_> = lists.map(|client| Some(client.into())).collect();
    for line in headers.get_all(FORWARDED) {
        match hops(line) {
            Ok(hops) if !hops.is_empty() => clients.extend(hops.into_iter().map(|hop| hop.client)),
            _ => clients.push(None),
        }
    }
    clients
}

fn hops(line: &HeaderValue) -> Result<Vec<Hop<'_>>, Malformed> {
    let mut hops = Vec::new();
    forwarded_header::parse(line.to_str().map_err(|_| Malformed)?, &mut hops)?;
    Ok(hops)
}

/// Whether a header says that the request came through a proxy.
fn is_proxied(headers: &HeaderMap) -> bool {
    let is_proxys = |name: &HeaderName| name == VIA || name.as_str().starts_with(X_FORWARDED);
    headers.keys().any(is_proxys)
}

fn is_local_address(client: &str) -> bool {
    let address = client.parse().ok();
    let address = address.or_else(|| Authority::parse(client)?.address());
    address.is_some_and(is_loopback)
}

/// Whether every name that the request gives its server can only mean this machine (RFC 6761 §6.3).
fn names_are_local(request: Head<'_>) -> bool {
    let target = request.uri.authority();
    let target = target.map(|authority| authority.as_str());
    let Some(host) = only(request.headers, &HOST) else {
        return false;
    };
    [host].into_iter().chain(target).all(is_local_name)
}

fn is_local_name(text: &str) -> bool {
    let Some(authority) = Authority::parse(text) else {
        return false;
    };
    match authority.address() {
        Some(address) => is_loopback(address),
        None => {
            let name = authority.host.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// Whether a browser sends it for a page of another site, as a script or an image of it. A link to these pages is fine:
/// they forbid framing, so the other page sees nothing of them.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let other = |site: &str| matches!(site, "cross-site" | "same-site");
    let navigates = only(headers, &SEC_FETCH_MODE) == Some("navigate");
    only(headers, &SEC_FETCH_SITE).is_some_and(other) && !navigates
}

/// The value of a header that may occur once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The items of a header that is a list. A line that is not text has one, which is nothing.
fn items<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let lines = headers.get_all(name).iter();
    let items = lines.flat_map(|line| line.to_str().unwrap_or("?").split(','));
    items.map(str::trim)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const LOCAL: &str = "127.0.0.1:5";

    /// A request with these header lines, `name: value`.
    fn request(target: &str, lines: &[&str]) -> Request<()> {
        let mut request = Request::get(target);
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        request.body(()).unwrap()
    }

    fn reads_with(remote: Option<&str>, lines: &[&str]) -> bool {
        let (peer, client) = (end(remote), end(remote));
        let ends = ObserverEnds { peer, client };
        may_read(ends, Head::of(&request("/_stackup/", lines))).is_ok()
    }

    fn end(remote: Option<&str>) -> Connection {
        Connection {
            https: false,
            remote: remote.map(|remote| remote.parse().unwrap()),
            local: None,
        }
    }

    #[test]
    fn connection_and_client_must_both_be_local() {
        let may = |peer, client| {
            let (peer, client) = (end(peer), end(client));
            may_read(
                ObserverEnds { peer, client },
                Head::of(&request("/_stackup/", &["host: localhost"])),
            )
            .is_ok()
        };
        let (near, far) = (Some(LOCAL), Some("203.0.113.9:0"));
        assert!(may(near, near) && may(None, None) && may(None, near));
        assert!(!may(near, far) && !may(far, near) && !may(None, far));
    }

    fn reads(remote: &str, host: &str) -> bool {
        reads_with(Some(remote), &[&format!("host: {host}")])
    }

    #[test]
    fn only_local_connections_by_local_names_may_read() {
        for host in [
            "localhost",
            "LOCALHOST:9292",
            "localhost.:9292",
            "app.localhost:1",
            "127.0.0.1:9292",
            "[::1]:9292",
            "[::1]",
        ] {
            assert!(reads(LOCAL, host), "{host}");
            assert!(reads("[::ffff:127.0.0.1]:5", host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "xlocalhost",
            "[x.localhost]evil.com",
            "[::1]evil.com",
            "[::1].evil.com:9292",
            "evil.com:80:localhost",
            "localhost:80@evil.com",
            "evil.com#.localhost",
            "evil.com/.localhost",
            "evil.com, localhost",
        ] {
            assert!(!reads(LOCAL, host), "{host}");
        }
        assert!(!reads("10.0.0.1:5", "localhost"));
        assert!(!reads_with(Some(LOCAL), &[]));
        let twice = ["host: localhost", "host: evil.example"];
        assert!(!reads_with(Some(LOCAL), &twice));
        let ends = ObserverEnds {
            peer: end(None),
            client: end(None),
        };
        let absolute = |host| request(&format!("http://{host}/_stackup/"), &["host: localhost"]);
        assert!(may_read(ends, Head::of(&absolute("localhost:1"))).is_ok());
        assert!(may_read(ends, Head::of(&absolute("evil.example"))).is_err());
    }

    #[test]
    fn client_behind_a_local_proxy_may_read_if_it_is_local_too() {
        for (line, allowed) in [
            ("x-forwarded-for: 127.0.0.1", true),
            ("x-forwarded-for: ::1, 127.0.0.1", true),
            ("x-forwarded-for: 192.0.2.1", false),
            ("x-forwarded-for: 127.0.0.1, 192.0.2.1", false),
            ("x-forwarded-for: unknown", false),
            ("x-real-ip: 192.0.2.1", false),
            ("forwarded: for=127.0.0.1;proto=https", true),
            ("forwarded: For=\"[::1]:4711\"", true),
            ("forwarded: proto=https;for=192.0.2.1", false),
            ("forwarded: for=127.0.0.1, for=_hidden", false),
            ("forwarded: proto=https", false),
            ("forwarded: for=127.0.0.1, by=127.0.0.1", false),
            ("forwarded: ext=\"for=127.0.0.1\"", false),
            ("forwarded: for=\"127.0.0.1", false),
            ("forwarded: ,", false),
            (
                "forwarded: for=\"127.0.0.1:80\";ext=\"a;for=192.0.2.1,\"",
                true,
            ),
            ("via: 1.1 proxy", false),
            ("x-forwarded-host: localhost", false),
            ("x-forwarded-proto: http", false),
            ("x-forwarded-server: proxy", false),
        ] {
            for remote in [Some(LOCAL), None] {
                let read = reads_with(remote, &["host: localhost", line]);
                assert_eq!(read, allowed, "{line}");
            }
        }
    }

    #[test]
    fn page_of_another_site_may_link_but_not_read() {
        for (lines, allowed) in [
            (&["sec-fetch-site: same-origin"][..], true),
            (&["sec-fetch-site: none"], true),
            (&["sec-fetch-site: cross-site"], false),
            // Another port of this machine.
            (&["sec-fetch-site: same-site"], false),
            (
                &["sec-fetch-site: cross-site", "sec-fetch-mode: no-cors"],
                false,
            ),
            (
                &["sec-fetch-site: cross-site", "sec-fetch-mode: navigate"],
                true,
            ),
        ] {
            let lines = [&["host: localhost"], lines].concat();
            assert_eq!(reads_with(Some(LOCAL), &lines), allowed, "{lines:?}");
        }
    }

    #[test]
    fn only_the_own_origin_may_write() {
        let writes_by = |https: bool, lines: &[&str]| {
            let lines = [&["host: localhost:9292"], lines].concat();
            let client = Connection {
                https,
                ..end(Some(LOCAL))
            };
            let ends = ObserverEnds {
                peer: client,
                client,
            };
            may_write(ends, request("/_stackup/api/edit", &lines).headers()).is_ok()
        };
        let writes = |lines: &[&str]| writes_by(false, lines);
        let own = "origin: http://localhost:9292";
        assert!(writes(&[own]));
        assert!(writes(&[own, "sec-fetch-site: same-origin"]));
        for lines in [
            &[][..],
            &["origin: null"],
            &["origin: http://localhost:9293"],
            &["origin: https://localhost:9292"],
            &["origin: http://evil.example"],
            &[own, "origin: http://evil.example"],
            &[own, "sec-fetch-site: same-site"],
            &[own, "sec-fetch-site: none"],
        ] {
            assert!(!writes(lines), "{lines:?}");
        }
        // By TLS, the page has another scheme.
        assert!(writes_by(true, &["origin: https://localhost:9292"]));
        assert!(!writes_by(true, &[own]));
    }
}
