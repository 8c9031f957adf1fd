//! A request as layers expect it, from its variables (RFC 3875, section 4.1).

use std::net::{IpAddr, SocketAddr};

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use stackup_plugin::abi::host::Connection;

use super::variables::Variables;
use crate::serve::server::forwarded::canonical;
use crate::serve::server::framing::FramingError;

/// What the front server says of itself and of its own authentication goes to the env.
const ENV: [&str; 3] = ["AUTH_TYPE", "REMOTE_USER", "SERVER_SOFTWARE"];

/// The longest target that `http` takes.
const TARGET_MAX: usize = u16::MAX as usize - 1;

/// The head of a request.
#[derive(Debug)]
pub struct Head {
    /// Method, target and fields.
    pub parts: Parts,
    /// The length of its body, if it is known. What is wrong with it is in `framing`.
    pub length: Option<u64>,
    /// Whether it is framed as HTTP demands.
    pub framing: Result<(), FramingError>,
    /// The ends of the client's connection to the front server.
    pub client: Connection,
    /// What the front server says besides the request, for the env.
    pub env: Vec<(String, String)>,
}

/// Why variables make no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRequest {
    /// They can't be read.
    #[error("its variables are malformed")]
    Variables,
    /// There is none, or no valid one.
    #[error("its REQUEST_METHOD is missing or invalid")]
    Method,
    /// Likewise.
    #[error("its target is invalid")]
    Target,
    /// More than `http` takes.
    #[error("its target has more than {TARGET_MAX} bytes")]
    LongTarget,
    /// A name or a value.
    #[error("one of its header fields is invalid")]
    Field,
}

impl NoRequest {
    /// The status of the response, as with HTTP/1.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::LongTarget => StatusCode::URI_TOO_LONG,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads variables. `has_body` says whether a body follows whose length they do not say.
///
/// # Errors
///
/// There is no such request.
pub fn read(
    variables: &impl Variables,
    has_body: bool,
    header_count: usize,
) -> Result<Head, NoRequest> {
    let mut framing = Ok(());
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers = headers(variables)?;
    if parts.headers.len() > header_count {
        framing = Err(FramingError::TooManyFields);
    }
    let method = variables.value("REQUEST_METHOD").ok_or(NoRequest::Method)?;
    parts.method = Method::from_bytes(method).map_err(|_| NoRequest::Method)?;
    let target = target(variables)?;
    if target.contains(&b'#') {
        framing = Err(FramingError::Fragment);
    }
    parts.uri = Uri::try_from(&target[..]).map_err(|_| NoRequest::Target)?;
    parts.version = version(variables.value("SERVER_PROTOCOL"));
    if !parts.headers.contains_key(HOST)
        && let Some(host) = host(variables)
    {
        parts.headers.insert(HOST, host);
    }
    let length = match variables.value("CONTENT_LENGTH").map(length) {
        Some(Ok(length)) => Some(length),
        Some(Err(error)) => {
            framing = Err(error);
            None
        }
        None => (!has_body).then_some(0),
    };
    Ok(Head {
        length,
        framing,
        client: client(variables),
        env: env(variables),
        parts,
    })
}

/// What there is of [`ENV`].
fn env(variables: &impl Variables) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for name in ENV {
        let value = variables.value(name).map(std::str::from_utf8);
        if let Some(Ok(value)) = value {
            env.push((name.to_owned(), value.to_owned()));
        }
    }
    env
}

/// The fields of the client's request. Those of its connection to the front server end there.
fn headers(variables: &impl Variables) -> Result<HeaderMap, NoRequest> {
    let mut headers = HeaderMap::new();
    for variable in variables.all() {
        let (name, value) = variable.ok_or(NoRequest::Variables)?;
        let name = match name {
            b"CONTENT_TYPE" | b"CONTENT_LENGTH" if value.is_empty() => continue,
            b"CONTENT_TYPE" => CONTENT_TYPE,
            b"CONTENT_LENGTH" => CONTENT_LENGTH,
            b"HTTP_CONTENT_TYPE" | b"HTTP_CONTENT_LENGTH" => continue,
            _ => match name.strip_prefix(b"HTTP_") {
                Some(name) => field_name(name)?,
                None => continue,
            },
        };
        let value = HeaderValue::from_bytes(value).map_err(|_| NoRequest::Field)?;
        if is_of_connection(&name) {
            continue;
        }
        // The same without `HTTP_` counts (RFC 3875 §4.1.2 and §4.1.3), once.
        match name == CONTENT_TYPE || name == CONTENT_LENGTH {
            true => drop(headers.insert(name, value)),
            false => drop(headers.append(name, value)),
        }
    }
    Ok(headers)
}

fn field_name(name: &[u8]) -> Result<HeaderName, NoRequest> {
    let name: Vec<u8> = name
        .iter()
        .map(|byte| if *byte == b'_' { b'-' } else { *byte })
        .collect();
    // It makes them lower case.
    HeaderName::from_bytes(&name).map_err(|_| NoRequest::Field)
}

fn is_of_connection(name: &HeaderName) -> bool {
    [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE].contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// The target as the client sent it, or else made of its parts, which the front server has decoded.
fn target(variables: &impl Variables) -> Result<Vec<u8>, NoRequest> {
    let target = match variables.value("REQUEST_URI") {
        Some(target) => target.to_vec(),
        None => {
            let mut target = Vec::new();
            for name in ["SCRIPT_NAME", "PATH_INFO"] {
                encode(variables.value(name).unwrap_or_default(), &mut target);
            }
            if let Some(query) = variables.value("QUERY_STRING") {
                target.push(b'?');
                target.extend_from_slice(query);
            }
            target
        }
    };
    match target.len() {
        0 => Err(NoRequest::Target),
        1..=TARGET_MAX => Ok(target),
        _ => Err(NoRequest::LongTarget),
    }
}

/// Escapes what does not stand for itself in a path (RFC 3986 §3.3).
fn encode(path: &[u8], target: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in path {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*'
            | b'+' | b',' | b';' | b'=' | b':' | b'@' => target.push(*byte),
            byte if byte.is_ascii_alphanumeric() => target.push(*byte),
            byte => target.extend([
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
    }
}

/// That of the client. An unknown one is HTTP/1.1, which requires a host.
fn version(protocol: Option<&[u8]>) -> Version {
    match protocol {
        Some(b"HTTP/0.9") => Version::HTTP_09,
        Some(b"HTTP/1.0") => Version::HTTP_10,
        Some(b"HTTP/2.0" | b"HTTP/2") => Version::HTTP_2,
        Some(b"HTTP/3.0" | b"HTTP/3") => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

/// The host by which the front server knows itself.
fn host(variables: &impl Variables) -> Option<HeaderValue> {
    let name = variables
        .value("SERVER_NAME")
        .filter(|name| authority::is_valid(name))?;
    let has_port = |port: &&[u8]| !matches!(*port, b"80" | b"443");
    let host = match variables.value("SERVER_PORT").filter(has_port) {
        Some(port) => [name, port].join(&b':'),
        None => name.to_vec(),
    };
    HeaderValue::from_bytes(&host).ok()
}

/// A number as RFC 9110 §8.6 has it.
fn length(value: &[u8]) -> Result<u64, FramingError> {
    if !value.iter().all(u8::is_ascii_digit) {
        return Err(FramingError::InvalidLength);
    }
    let digits = std::str::from_utf8(value).map_err(|_| FramingError::InvalidLength)?;
    digits.parse().map_err(|_| FramingError::LengthTooLarge)
}

/// The client's connection. An end that is no address of IP, such as nginx's `unix:`, has none.
fn client(variables: &impl Variables) -> Connection {
    let text = |name| std::str::from_utf8(variables.value(name)?).ok();
    let end = |address, port| {
        let address: IpAddr = text(address)?.parse().ok()?;
        let port = text(port).and_then(|port| port.parse().ok());
        Some(canonical(SocketAddr::new(address, port.unwrap_or(0))))
    };
    let is = |name, word: &str| text(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
    Connection {
        remote: end("REMOTE_ADDR", "REMOTE_PORT"),
        local: end("SERVER_ADDR", "SERVER_PORT"),
        https: match variables.value("HTTPS") {
            Some(_) => !is("HTTPS", "off"),
            None => is("REQUEST_SCHEME", "https"),
        },
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
