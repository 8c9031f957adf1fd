//! The heads of requests to other servers, and of their responses: without what describes a connection only.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_body::Body;
use stackup_plugin::abi::host::{FetchFailure, FetchPhase, FetchRequest, HostBody};

use super::connect::target_of;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What is for one connection only (RFC 9110 §7.6.1), besides the fields that `connection` names.
const HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Prepares the request for the pool, and returns the name of the server for messages.
///
/// # Errors
///
/// The target or the request can't be sent.
pub(super) fn prepare(fetch: &mut FetchRequest) -> Result<String, FetchFailure> {
    let request = &mut fetch.request;
    if *request.method() == Method::CONNECT {
        return Err(invalid("CONNECT is for tunnels: it can't be fetched"));
    }
    let (Some(scheme), Some(authority)) = (request.uri().scheme(), request.uri().authority())
    else {
        let uri = request.uri();
        return Err(invalid(format!(
            "the target `{uri}` is not in absolute form, as `http://host/path` is"
        )));
    };
    match scheme.as_str() {
        "http" => {}
        "https" => return Err(unsupported("this host sends no requests over https")),
        other => return Err(invalid(format!("`{other}:` is not http"))),
    }
    // A name and a password before it are neither for the server nor for the log.
    let host = match authority.as_str().rsplit_once('@') {
        Some((_, host)) => host.to_owned(),
        None => authority.to_string(),
    };
    let scheme = scheme.to_string();
    *request.version_mut() = Version::HTTP_11;
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(&host).map_err(|error| invalid(error.to_string()))?;
        request.headers_mut().insert(HOST, host);
    }
    remove_hop_by_hop(request.headers_mut());
    // The client does not wait for a 100.
    request.headers_mut().remove(EXPECT);
    remove_inner(request.headers_mut());
    frame(request)?;
    let Some(socket) = &fetch.socket else {
        return Ok(format!("{scheme}://{host}"));
    };
    let name = format!("unix:{}", socket.display());
    let (scheme, authority) =
        target_of(socket).map_err(|error| invalid(format!("{name}: {error}")))?;
    let mut parts = request.uri().clone().into_parts();
    (parts.scheme, parts.authority) = (Some(scheme), Some(authority));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|error| invalid(error.to_string()))?;
    Ok(name)
}

/// Says how long the body is, or that it comes in chunks.
///
/// # Errors
///
/// `content-length` is not the body's length. The server must not take the rest for another request.
fn frame(request: &mut Request<HostBody>) -> Result<(), FetchFailure> {
    let exact = request.body().size_hint().exact();
    let mut declared = request.headers().get_all(CONTENT_LENGTH).iter();
    let Some(first) = declared.next() else {
        if exact.is_none() {
            // Without it hyper leaves out such a body of a GET.
            let chunked = HeaderValue::from_static("chunked");
            request.headers_mut().insert(TRANSFER_ENCODING, chunked);
        }
        return Ok(());
    };
    let digits = first.to_str().ok();
    let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length: Option<u64> = digits.and_then(|text| text.parse().ok());
    match (length, declared.next(), exact) {
        (Some(length), None, Some(exact)) if length != exact => Err(invalid(format!(
            "the request promises {length} bytes by content-length, but its body has {exact}"
        ))),
        (Some(_), None, _) => Ok(()),
        _ => Err(invalid(
            "the request's content-length is not one decimal number",
        )),
    }
}

/// Removes what describes the connection from a response.
///
/// # Errors
///
/// Its body is in a coding of the connection that the client does not decode.
pub(super) fn clean(headers: &mut HeaderMap) -> Result<(), &'static str> {
    let codings = headers.get_all(TRANSFER_ENCODING);
    let chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !codings.iter().all(chunked) {
        return Err("it sent a transfer coding other than `chunked`");
    }
    remove_hop_by_hop(headers);
    remove_inner(headers);
    Ok(())
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            // They say whom the message is for, and where it ends.
            .filter(|name| *name != HOST && *name != CONTENT_LENGTH)
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Removes the messages between layers (SPEC R31): another server neither gets nor gives any.
fn remove_inner(headers: &mut HeaderMap) {
    let inner = |name: &&HeaderName| name.as_str().starts_with("rack.");
    let found: Vec<HeaderName> = headers.keys().filter(inner).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

pub(super) fn invalid(message: impl Into<String>) -> FetchFailure {
    FetchFailure {
        phase: FetchPhase::Invalid,
        status: StatusCode::INTERNAL_SERVER_ERROR,
        message: message.into(),
    }
}

fn unsupported(message: &str) -> FetchFailure {
    FetchFailure {
        phase: FetchPhase::Unsupported,
        ..invalid(message)
    }
}
