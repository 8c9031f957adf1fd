//! The check of a request's head (RFC 9110 §7.2 and §7.4, RFC 9112 §3.2): whether it says which host it is for, and
//! whether its target is one that this server answers for.

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};

use super::forwarded::ForwardedError;
use super::framing::FramingError;

/// Why a head is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// HTTP/1.1 requires one.
    #[error("the request has no `host`")]
    NoHost,
    /// Two could mislead a component that reads the other one.
    #[error("the request has more than one `host`")]
    SeveralHosts,
    /// It is neither a name nor an address, with or without a port.
    #[error("the request's `host` is invalid")]
    InvalidHost,
    /// Only a proxy opens tunnels.
    #[error("CONNECT is not implemented: this server is no proxy")]
    Connect,
    /// `word`, `host:80`, or `*` without OPTIONS.
    #[error("the request's target is neither a path nor a URL")]
    TargetForm,
    /// A URL's host is invalid, or has a user name.
    #[error("the host in the request's target is invalid")]
    InvalidAuthority,
    /// Such bytes must be percent-encoded.
    #[error("the request's target has bytes that are not ASCII")]
    NotAscii,
    /// The client believes that it uses another protocol.
    #[error("the request's target has another scheme than the connection")]
    OtherScheme,
    /// It is not framed as RFC 9112 demands.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// A trusted proxy contradicts itself.
    #[error(transparent)]
    Forwarded(#[from] ForwardedError),
}

impl HeadError {
    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Framing(error) => error.status(),
            Self::Connect => StatusCode::NOT_IMPLEMENTED,
            Self::OtherScheme => StatusCode::MISDIRECTED_REQUEST,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// The form of an accepted target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// A path, or the `*` of OPTIONS.
    Origin,
    /// A URL. Its host is the request's, whatever `host` says.
    Absolute,
}

/// Checks a head that hyper has parsed.
///
/// # Errors
///
/// Why the request is refused.
#[inline]
pub fn check<B>(request: &Request<B>) -> Result<TargetForm, HeadError> {
    if *request.method() == Method::CONNECT {
        return Err(HeadError::Connect);
    }
    let headers = request.headers();
    match host(headers) {
        Some(host) if !authority::is_valid(host.as_bytes()) => return Err(HeadError::InvalidHost),
        Some(_) => {}
        None if request.version() < Version::HTTP_11 => {}
        // `:authority` takes its place (RFC 9113 §8.3.1).
        None if request.version() > Version::HTTP_11 && request.uri().authority().is_some() => {}
        None => return Err(HeadError::NoHost),
    }
    // Where no field has two lines, `host` has one.
    let has_repeated = headers.len() > headers.keys_len();
    if has_repeated && headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(HeadError::SeveralHosts);
    }
    check_target(request.method(), request.uri())
}

/// The first `host`. Clients send it first (RFC 9112 §3.2), so most heads need no look-up.
#[inline]
fn host(headers: &HeaderMap) -> Option<&HeaderValue> {
    match headers.iter().next() {
        Some((name, host)) if name == HOST => Some(host),
        _ => headers.get(HOST),
    }
}

#[inline]
fn check_target(method: &Method, uri: &Uri) -> Result<TargetForm, HeadError> {
    let target = uri.path_and_query().ok_or(HeadError::TargetForm)?;
    if !target.as_str().is_ascii() {
        return Err(HeadError::NotAscii);
    }
    let Some(authority) = uri.authority() else {
        return match target.as_str() {
            "*" if *method != Method::OPTIONS => Err(HeadError::TargetForm),
            _ => Ok(TargetForm::Origin),
        };
    };
    match authority::is_valid(authority.as_str().as_bytes()) {
        _ if uri.scheme().is_none() => Err(HeadError::TargetForm),
        true => Ok(TargetForm::Absolute),
        false => Err(HeadError::InvalidAuthority),
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
