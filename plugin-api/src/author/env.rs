//! The request under Rack's names (RACK.md §1), and values that layers pass down.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::Request;

/// A read-only view of the request as Rack's env.
#[derive(Clone, Copy)]
pub struct Env<'a>(&'a Request);

/// Sets values for the layers below.
pub struct EnvMut<'a>(&'a mut Request);

/// The names derived from every request.
const CGI: [&str; 13] = [
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "REQUEST_URI",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "rack.url_scheme",
    "SSL_CLIENT_S_DN",
    "SSL_CLIENT_S_DN_CN",
];

/// Before the number of one of the DNS names in a client's certificate, as Apache httpd has it.
const CLIENT_DNS_NAME: &str = "SSL_CLIENT_SAN_DNS_";

impl<'a> Env<'a> {
    pub(crate) fn new(request: &'a Request) -> Self {
        Self(request)
    }

    /// The value of a Rack name (`REQUEST_METHOD`, `HTTP_ACCEPT`, …), or one that a layer above set.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let request = self.0;
        if let Some(value) = request.handle().env_get(name) {
            return Some(value.into());
        }
        Some(match name {
            "REQUEST_METHOD" => request.handle().method().into(),
            "SCRIPT_NAME" => request.script_name().into(),
            "PATH_INFO" => request.path_info().into(),
            "QUERY_STRING" => request.query().into(),
            // The host has set it where it is not the target.
            "REQUEST_URI" => request.uri().to_string().into(),
            "SERVER_NAME" => self.host()?.0.into(),
            "SERVER_PORT" => self.host()?.1.into(),
            "SERVER_PROTOCOL" => format!("{:?}", request.version()).into(),
            "REMOTE_ADDR" => request.remote_addr()?.ip().to_string().into(),
            "REMOTE_PORT" => request.remote_addr()?.port().to_string().into(),
            "rack.url_scheme" => request.scheme().into(),
            "SSL_CLIENT_S_DN" => request.client_certificate()?.subject().into(),
            "SSL_CLIENT_S_DN_CN" => request.client_certificate()?.common_name()?.into(),
            "CONTENT_TYPE" => self.header("content-type")?,
            "CONTENT_LENGTH" => self.header("content-length")?,
            // Rack forbids these two with the prefix HTTP_.
            "HTTP_CONTENT_TYPE" | "HTTP_CONTENT_LENGTH" => return None,
            name if name.starts_with(CLIENT_DNS_NAME) => {
                let index = name[CLIENT_DNS_NAME.len()..].parse().ok()?;
                request.client_certificate()?.dns_names().nth(index)?.into()
            }
            name => self.header(&name.strip_prefix("HTTP_")?.replace('_', "-"))?,
        })
    }

    /// All names and values: Rack's, the headers, and the values that layers set.
    pub fn iter(&self) -> impl Iterator<Item = (String, String)> + use<'a> {
        let of_headers = self.0.headers().iter().map(|(name, _)| match name {
            "content-type" => "CONTENT_TYPE".to_owned(),
            "content-length" => "CONTENT_LENGTH".to_owned(),
            name => format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_")),
        });
        let own = self.0.handle().env_all().into_iter().map(|(name, _)| name);
        let cgi = CGI.iter().map(ToString::to_string);
        let mut known = HashSet::new();
        let certificate = self.0.client_certificate().into_iter();
        let dns_names = certificate.flat_map(|certificate| certificate.dns_names().enumerate());
        let dns_names = dns_names.map(|(index, _)| format!("{CLIENT_DNS_NAME}{index}"));
        let names = cgi.chain(dns_names).chain(of_headers).chain(own);
        let names: Vec<String> = names.filter(|name| known.insert(name.clone())).collect();
        let env = *self;
        names.into_iter().filter_map(move |name| {
            let value = env.get(&name)?.into_owned();
            Some((name, value))
        })
    }

    /// A header's values, joined as CGI joins them (RFC 3875 §4.1.18).
    fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        let separator = if name.eq_ignore_ascii_case("cookie") {
            "; "
        } else {
            ", "
        };
        let mut values = self.0.headers().get_all(name);
        let first = String::from_utf8_lossy(values.next()?.as_bytes());
        Some(values.fold(first, |mut joined, value| {
            let text = joined.to_mut();
            text.push_str(separator);
            text.push_str(&String::from_utf8_lossy(value.as_bytes()));
            joined
        }))
    }

    /// Server name and port: from the Host header, or from the local address of the connection.
    fn host(&self) -> Option<(String, String)> {
        let default = if self.0.scheme() == "https" {
            "443"
        } else {
            "80"
        };
        let from_header = self.0.header("host");
        let from_header = from_header.and_then(|host| host.parse::<http::uri::Authority>().ok());
        // HTTP/2 and a target in absolute form have no need of a Host header.
        if let Some(authority) = from_header.or_else(|| self.0.uri().into_parts().authority) {
            let port = authority
                .port_u16()
                .map_or_else(|| default.to_owned(), |p| p.to_string());
            return Some((authority.host().to_owned(), port));
        }
        let local = self.0.local_addr()?;
        Some((local.ip().to_string(), local.port().to_string()))
    }
}

impl EnvMut<'_> {
    pub(crate) fn new(request: &mut Request) -> EnvMut<'_> {
        EnvMut(request)
    }

    /// Sets the value that the layers below see under `name`, replacing any other.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        self.0.handle_mut().env_set(name, Some(value.as_ref()));
    }

    /// Removes a value that was [`set`](Self::set).
    pub fn remove(&mut self, name: &str) {
        self.0.handle_mut().env_set(name, None);
    }
}
