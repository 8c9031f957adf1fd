//! Who the client of a request is, decided once for every layer.

use http::header::HOST;
use http::uri::{Parts, Scheme};
use http::{HeaderValue, Request, Uri};
use stackup_plugin::abi::host::Connection;

use super::forwarded::{Forwarded, ForwardedError};
use crate::load::manifest::TrustedProxies;

/// The connection as the layers see it: with the client's address and scheme if a trusted proxy says so. The
/// request gets the host that the client asked for.
#[inline]
pub(super) fn identify<B>(
    request: &mut Request<B>,
    connection: Connection,
    trusted: &TrustedProxies,
) -> Result<Connection, ForwardedError> {
    if trusted.is_empty() && request.uri().scheme().is_none() {
        return Ok(connection);
    }
    identify_behind(request, connection, trusted)
}

fn identify_behind<B>(
    request: &mut Request<B>,
    mut connection: Connection,
    trusted: &TrustedProxies,
) -> Result<Connection, ForwardedError> {
    if trusted.trust(connection.remote.map(|remote| remote.ip())) {
        let said = Forwarded::read(request.headers(), trusted)?;
        connection.remote = said.client.or(connection.remote);
        connection.https = said.https.unwrap_or(connection.https);
        if let Some(host) = &said.host
            && let Ok(value) = HeaderValue::from_str(host.as_str())
        {
            request.headers_mut().insert(HOST, value);
            change_target(request, |parts| {
                parts.authority = parts.authority.take().map(|_| host.clone());
            });
        }
    }
    // A target in absolute form has a scheme that the client has chosen.
    change_target(request, |parts| {
        let scheme = if connection.https {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        };
        parts.scheme = parts.scheme.take().map(|_| scheme);
    });
    Ok(connection)
}

/// Changes a target in absolute form; others have neither scheme nor host.
fn change_target<B>(request: &mut Request<B>, change: impl FnOnce(&mut Parts)) {
    if request.uri().scheme().is_none() {
        return;
    }
    let mut parts = request.uri().clone().into_parts();
    change(&mut parts);
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}
