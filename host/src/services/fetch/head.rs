//! The heads of requests to other servers, and of their responses: without what describes a connection only.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_body::Body;
use stackup_plugin::abi::host::{FetchFailure, FetchPhase, FetchRequest, HostBody};

use super::server::{Server, TlsServer};
use super::tunnel::Offer;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What is for one connection only (RFC 9110 §7.6.1), besides the fields that `connection` names.
const HOP_BY_HOP: [HeaderName; 5] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TE,
    TRANSFER_ENCODING,
];

/// Prepares the request, and returns where it goes. Its target is only a path from here on, and it has a `host`.
///
/// # Errors
///
/// The target or the request can't be sent.
pub(super) fn prepare(
    fetch: &mut FetchRequest,
    upgrade: Option<&Offer>,
) -> Result<Server, FetchFailure> {
    let request = &mut fetch.request;
    if *request.method() == Method::CONNECT {
        return Err(invalid("CONNECT is for tunnels: it can't be fetched"));
    }
    let mut target = std::mem::take(request.uri_mut()).into_parts();
    let (Some(scheme), Some(authority)) = (target.scheme.take(), target.authority.take()) else {
        // Its path may have secrets.
        return Err(invalid(
            "the target is not in absolute form, as `http://host/path` is",
        ));
    };
    let authority = without_user(authority)?;
    *request.uri_mut() = match target.path_and_query.take() {
        Some(path) if path.as_str() != "/" => Uri::from(path),
        _ => Uri::default(),
    };
    *request.version_mut() = Version::HTTP_11;
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(authority.as_str());
        let host = host.map_err(|error| invalid(error.to_string()))?;
        request.headers_mut().insert(HOST, host);
    }
    remove_hop_by_hop(request.headers_mut(), StatusCode::OK);
    // The client does not wait for a 100.
    request.headers_mut().remove(EXPECT);
    remove_inner(request.headers_mut());
    frame(request)?;
    if let Some(offer) = upgrade {
        let asked = offer.ask(request.headers_mut());
        asked.map_err(|error| invalid(format!("the protocols to change to: {error}")))?;
    }
    match (fetch.socket.take(), scheme.as_str()) {
        (Some(socket), "http" | "https") => Ok(Server::Unix(socket)),
        (None, "http") => Ok(Server::Tcp(authority)),
        (None, "https") => Ok(Server::Tls(TlsServer {
            authority,
            roots: fetch.roots.take(),
            is_http1: upgrade.is_some(),
        })),
        (_, other) => Err(invalid(format!("`{other}:` is not http"))),
    }
}

/// A name and a password before it are neither for the server nor for the log.
fn without_user(authority: Authority) -> Result<Authority, FetchFailure> {
    match authority.as_str().rsplit_once('@') {
        None => Ok(authority),
        Some((_, host)) => {
            let parsed = Authority::try_from(host);
            parsed.map_err(|error| invalid(format!("the target's host: {error}")))
        }
    }
}

/// Undoes [`convert_to_http2`], for a request that no server has seen.
pub(super) fn convert_to_http1(request: &mut Request<HostBody>) {
    if request.version() == Version::HTTP_11 {
        return;
    }
    let mut target = std::mem::take(request.uri_mut()).into_parts();
    target.scheme = None;
    let host = target.authority.take();
    let host = host.and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let (Ok(target), Some(host)) = (Uri::from_parts(target), host) {
        *request.uri_mut() = target;
        request.headers_mut().insert(HOST, host);
    }
    if request.body().size_hint().exact().is_none() {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
    *request.version_mut() = Version::HTTP_11;
}

/// Gives a request the form that it has in HTTP/2: the target is absolute, by its `host`, and nothing describes a connection.
pub(super) fn convert_to_http2(request: &mut Request<HostBody>) {
    let host = request.headers_mut().remove(HOST);
    request.headers_mut().remove(TRANSFER_ENCODING);
    *request.version_mut() = Version::HTTP_2;
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut target = request.uri().clone().into_parts();
    (target.scheme, target.authority) = (Some(Scheme::HTTPS), authority);
    // Without a valid `host` it is what it was, which the server refuses.
    if let Ok(target) = Uri::from_parts(target) {
        *request.uri_mut() = target;
    }
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
pub(super) fn clean(status: StatusCode, headers: &mut HeaderMap) -> Result<(), &'static str> {
    let codings = headers.get_all(TRANSFER_ENCODING);
    let chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !codings.iter().all(chunked) {
        return Err("it sent a transfer coding other than `chunked`");
    }
    remove_hop_by_hop(headers, status);
    remove_inner(headers);
    Ok(())
}

fn remove_hop_by_hop(headers: &mut HeaderMap, status: StatusCode) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            // They say whom the message is for, and where it ends.
            .filter(|name| *name != HOST && *name != CONTENT_LENGTH && *name != UPGRADE)
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    // There it says which protocol the server wants (RFC 9110 §15.5.22): the client may offer it, and it is passed on.
    if status != StatusCode::UPGRADE_REQUIRED {
        headers.remove(UPGRADE);
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
