//! A client's request on its way to a server, with all that its connection is good for besides the response.

use stackup_plugin::{Context, Fetch, Request, Uri};

/// The request for `target`. Interim responses (1xx) go to the client. What the client offers to change its connection to is
/// offered to the server; the response is a 101 then, if the server accepts.
pub fn pass(cx: &Context, req: Request, target: Uri) -> Fetch {
    let client = req.informer();
    let protocols = tunnelled(&req);
    cx.fetch(req.to(target))
        .tunnel(&protocols)
        // The client can do without them.
        .on_informational(move |status, headers| drop(client.inform(status, headers.to_map())))
}

/// The protocols that may go through a tunnel, out of those that the client offers: all in which no layer's say is lost. HTTP in a
/// tunnel would be requests that no layer sees (and TLS, RFC 2817, hides them).
fn tunnelled(req: &Request) -> String {
    let protocols: Vec<_> = req.protocols().filter(|name| !is_http(name)).collect();
    protocols.join(", ")
}

fn is_http(protocol: &str) -> bool {
    let name = protocol.split('/').next().unwrap_or(protocol);
    ["h2c", "h2", "http", "tls"]
        .iter()
        .any(|http| name.trim().eq_ignore_ascii_case(http))
}

#[cfg(test)]
mod tests {
    use super::is_http;

    #[test]
    fn http_is_not_tunnelled() {
        for protocol in ["h2c", "H2C", "HTTP/2.0", "http", "TLS/1.2", "h2"] {
            assert!(is_http(protocol), "{protocol}");
        }
        for protocol in ["websocket", "irc/6.9", "h2x", "https-like"] {
            assert!(!is_http(protocol), "{protocol}");
        }
    }
}
