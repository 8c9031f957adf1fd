//! Who the client of a request is and what it asks for, decided once for every layer.

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Uri};
use stackup_plugin::abi::host::Connection;

use super::forwarded::Forwarded;
use super::head::{self, HeadError, TargetForm};
use crate::load::manifest::TrustedProxies;

/// The connection as the layers see it: with the client's address and scheme if a trusted proxy says so. The
/// request gets the host that the client asked for, and a target that is a path.
///
/// # Errors
///
/// Why the request is refused. It is unchanged.
#[inline]
pub(super) fn accept<B>(
    request: &mut Request<B>,
    connection: Connection,
    trusted: &TrustedProxies,
) -> Result<Connection, HeadError> {
    let form = head::check(request)?;
    if form == TargetForm::Origin && trusted.is_empty() {
        return Ok(connection);
    }
    accept_behind(request, form, connection, trusted)
}

fn accept_behind<B>(
    request: &mut Request<B>,
    form: TargetForm,
    connection: Connection,
    trusted: &TrustedProxies,
) -> Result<Connection, HeadError> {
    let mut client = connection;
    let mut host = None;
    if trusted.trust(connection.remote.map(|remote| remote.ip())) {
        let said = Forwarded::read(request.headers(), trusted)?;
        client.remote = said.client.or(client.remote);
        client.https = said.https.unwrap_or(client.https);
        host = said
            .host
            .filter(|host| authority::is_valid(host.as_str().as_bytes()));
    }
    if form == TargetForm::Absolute {
        // The scheme says what the client believes to use, and is no reason to believe it.
        let is_ours = |https| {
            let scheme = if https { &Scheme::HTTPS } else { &Scheme::HTTP };
            request.uri().scheme() == Some(scheme)
        };
        if !is_ours(connection.https) && !is_ours(client.https) {
            return Err(HeadError::OtherScheme);
        }
        // As a path and a `host` (RFC 9112 §3.2.2), so that no layer has to know of this form.
        host = host.or_else(|| request.uri().authority().cloned());
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map(Uri::from).unwrap_or_default();
    }
    if let Some(value) = host
        .as_ref()
        .map(Authority::as_str)
        .map(HeaderValue::from_str)
    {
        let value = value.map_err(|_| HeadError::InvalidHost)?;
        request.headers_mut().insert(HOST, value);
    }
    Ok(client)
}
