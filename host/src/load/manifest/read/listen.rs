//! `listen` of `[server]`: addresses, and tables with an address.

use std::path::PathBuf;

use toml::de::DeValue;

use super::keys::Keys;
use super::strings::{self, Item};
use super::table::{Entry, Kind, Table};
use super::{Node, Reader, acme, client_auth, tls};
use crate::load::manifest::words::quoted;
use crate::load::manifest::{
    Diagnostic, Listen, ListenEntry, ListenProtocols, ListenTls, Server, Span,
};

/// The longest socket path that Linux accepts, without the terminating NUL.
const UNIX_PATH_MAX: usize = 107;

pub(super) fn listen(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Server {
    let DeValue::Array(nodes) = entry.value.get_ref() else {
        // Reports what it is instead.
        strings::list(reader, entry, "`listen`", "addresses");
        return Server::default();
    };
    if nodes.is_empty() {
        reader.report(
            Diagnostic::error(entry.value.span(), "`listen` is empty")
                .label("nothing to listen on")
                .help("add an address, or remove `listen` for the default, 127.0.0.1:9292"),
        );
    }
    let mut server = Server {
        listen: Vec::new(),
        listen_spans: Vec::new(),
        tls_spans: Vec::new(),
        ..Server::default()
    };
    for node in nodes {
        let Some((item, protocols, spans)) = item(reader, node) else {
            continue;
        };
        let Some((address, fastcgi)) = address(reader, &item) else {
            continue;
        };
        let protocols = ListenProtocols {
            fastcgi,
            ..protocols
        };
        if fastcgi {
            check_fastcgi(reader, node, &item);
        }
        let any_port = matches!(&address, Listen::Tcp(tcp) if tcp.ends_with(":0"));
        let mut others = server.listen.iter();
        match others.position(|other| other.address == address) {
            Some(first) if !any_port => reader.report(
                Diagnostic::error(item.span, format!("`{address}` is listed twice"))
                    .label("again here")
                    .also(server.listen_spans[first].clone(), "first here")
                    .help("remove one of them"),
            ),
            _ => {
                server.listen.push(ListenEntry { address, protocols });
                server.listen_spans.push(item.span);
                server.tls_spans.push(spans);
            }
        }
    }
    acme::check(reader, &server);
    server
}

/// The address as written, what is spoken there, and where each certificate is written: those of clients' CAs last.
fn item(reader: &mut Reader<'_>, node: Node<'_>) -> Option<(Item, ListenProtocols, Vec<Span>)> {
    let span = node.span();
    let DeValue::Table(entries) = node.get_ref() else {
        let expected = "a string or a table with an `address`";
        let text = reader.string(node, "each entry of `listen`", expected)?;
        return Some((Item { text, span }, ListenProtocols::default(), Vec::new()));
    };
    let mut table = Table::new(entries, span.clone(), Kind::Listen);
    let address = match table.take("address") {
        Some(entry) => reader
            .string(entry.value, "`address`", "a string")
            .map(|text| Item {
                text,
                span: entry.value.span(),
            }),
        None => {
            let error = Diagnostic::error(span, "`address` is missing in an entry of `listen`");
            let help = "write `{ address = \"127.0.0.1:9292\", proxy_protocol = true }`";
            reader.report(error.label("no address to listen on").help(help));
            None
        }
    };
    let mut protocols = ListenProtocols::default();
    let entry = table.take("tls");
    let encrypts = entry.is_some();
    let read = entry.map(|entry| tls::tls(reader, &entry));
    let auth = table.take("client_auth");
    let auth = auth.and_then(|entry| client_auth::client_auth(reader, &entry, encrypts));
    // Browsers speak HTTP/2 with TLS only, by ALPN; other clients must know without.
    protocols.http2 = encrypts;
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    keys.flag("proxy_protocol", &mut protocols.proxy_protocol);
    keys.flag("http2", &mut protocols.http2);
    table.finish(reader);
    // Errors of `tls` are reported: in the clear it must not be served.
    let (tls, spans) = read.flatten().unzip();
    let (auth, place) = auth.unzip();
    protocols.tls = tls.map(|tls: ListenTls| ListenTls {
        client_auth: auth,
        ..tls
    });
    let spans = spans.into_iter().flatten().chain(place);
    Some((address?, protocols, spans.collect()))
}

/// Reports the settings that go with HTTP alone.
fn check_fastcgi(reader: &mut Reader<'_>, node: Node<'_>, item: &Item) {
    let DeValue::Table(entries) = node.get_ref() else {
        return;
    };
    for key in ["tls", "proxy_protocol", "http2"] {
        let Some((key, value)) = entries.get_key_value(key) else {
            continue;
        };
        if let DeValue::Boolean(false) = value.get_ref() {
            continue;
        }
        let name = key.get_ref();
        let message = format!("`{name}` does not go with FastCGI");
        let help = match &**name {
            "proxy_protocol" => {
                "remove it: the server in front names the client in each request (REMOTE_ADDR)"
            }
            "tls" => "remove it: the server in front serves TLS, and says so (HTTPS)",
            _ => "remove it: the server in front speaks HTTP with the client",
        };
        let error = Diagnostic::error(key.span(), message).label("for HTTP only");
        reader.report(error.also(item.span.clone(), "this is FastCGI").help(help));
    }
}

/// Where to listen, and whether FastCGI is spoken there.
fn address(reader: &mut Reader<'_>, item: &Item) -> Option<(Listen, bool)> {
    match parse_any(&item.text) {
        Ok(address) => Some(address),
        Err((label, help)) => {
            let message = format!("{} is not an address to listen on", quoted(&item.text));
            reader.report(
                Diagnostic::error(item.span.clone(), message)
                    .label(label)
                    .help(help),
            );
            None
        }
    }
}

/// An address, and whether it is one of FastCGI.
fn parse_any(text: &str) -> Result<(Listen, bool), (&'static str, String)> {
    let of_fastcgi = |address: &str| match parse(address) {
        Ok(address) => Ok((address, true)),
        Err((label, _)) => {
            let help = "write \"fastcgi://127.0.0.1:9000\" or \"fastcgi+unix:/run/app.sock\"";
            Err((label, help.to_owned()))
        }
    };
    if text.starts_with("fastcgi+unix:") {
        return of_fastcgi(&text["fastcgi+".len()..]);
    }
    match text.strip_prefix("fastcgi:") {
        Some(rest) => {
            let address = rest.strip_prefix("//").unwrap_or(rest);
            of_fastcgi(address.trim_end_matches('/'))
        }
        None => Ok((parse(text)?, false)),
    }
}

fn parse(text: &str) -> Result<Listen, (&'static str, String)> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return match path.len() {
            0 => Err((
                "the path is missing",
                "write \"unix:/run/stackup.sock\"".into(),
            )),
            1..=UNIX_PATH_MAX if !path.contains('\0') => Ok(Listen::Unix(PathBuf::from(path))),
            1..=UNIX_PATH_MAX => Err(("the path contains a NUL byte", "remove it".into())),
            long => Err((
                "the path is too long for a socket",
                format!("use at most {UNIX_PATH_MAX} bytes; this has {long}"),
            )),
        };
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let help = match scheme {
            "https" => {
                let address = rest.trim_end_matches('/');
                let port = if address.contains(':') { "" } else { ":443" };
                let tls = "tls = { cert = \"site.pem\", key = \"site.key\" }";
                format!("write `{{ address = \"{address}{port}\", {tls} }}`")
            }
            _ => format!("write \"{}\"", rest.trim_end_matches('/')),
        };
        return Err(("this is a URL", help));
    }
    if text.starts_with('/') {
        return Err(("this looks like a file", format!("write \"unix:{text}\"")));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let help = format!(
            "write \"127.0.0.1:{text}\", or \"0.0.0.0:{text}\" to accept connections from other machines"
        );
        return Err(("the host is missing", help));
    }
    let bare_v6 = text.parse::<std::net::Ipv6Addr>().is_ok();
    if bare_v6 {
        return Err((
            "an IPv6 address needs brackets",
            format!("write \"[{text}]:9292\""),
        ));
    }
    match text.rsplit_once(':') {
        Some(("" | "*", port)) => Err((
            "the host is missing",
            format!(
                "write \"127.0.0.1:{port}\", or \"0.0.0.0:{port}\" to accept connections from other machines"
            ),
        )),
        Some((host, port)) => {
            if !is_host(host) {
                return Err((
                    "this is not a host",
                    "write \"host:port\", \"[::1]:port\" or \"unix:/path\"".into(),
                ));
            }
            if !port.bytes().all(|b| b.is_ascii_digit()) || port.parse::<u16>().is_err() {
                return Err((
                    "the port is not a number from 0 to 65535",
                    format!("write \"{host}:9292\" or any other port; 0 takes a free one"),
                ));
            }
            Ok(Listen::Tcp(text.to_ascii_lowercase()))
        }
        None if is_host(text) => Err(("the port is missing", format!("write \"{text}:9292\""))),
        None => Err((
            "this is not an address",
            "write \"host:port\" or \"unix:/path\"".into(),
        )),
    }
}

fn is_host(host: &str) -> bool {
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        }
    }
}
