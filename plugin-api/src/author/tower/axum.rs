//! What a server of axum's gives its router.

use std::any::Any;

use ::axum::Router;
use ::axum::extract::{ConnectInfo, OriginalUri};
use http::{StatusCode, header};

use super::HttpService;
use super::upgrade::PendingUpgrade;
use crate::{Error, OriginalRequest, Request, Response, Result};

/// A router makes its handlers ready for requests once, and not for each: axum's server does so for each connection.
pub(super) fn prepared<S: 'static>(mut service: S) -> S {
    if let Some(router) = (&mut service as &mut dyn Any).downcast_mut::<Router>() {
        *router = std::mem::take(router).with_state(());
    }
    service
}

/// Answers a request that has the extensions of axum and hyper.
pub(super) async fn answer(service: impl HttpService, req: Request) -> Result {
    let uri = req.uri();
    let client = req.remote_addr().map(ConnectInfo);
    let offers_protocols = req.protocols().next().is_some();
    let mut request = req.into_http_below(&uri);
    let extensions = request.extensions_mut();
    extensions.insert(OriginalUri(uri));
    if let Some(client) = client {
        extensions.insert(client);
    }
    let original = extensions.get::<OriginalRequest>().cloned();
    let Some(original) = original.filter(|_| offers_protocols) else {
        return service.answer(request).await;
    };
    let (on_upgrade, pending) = PendingUpgrade::begin().await?;
    request.extensions_mut().insert(on_upgrade);
    let response = service.answer(request).await?;
    let changes = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if !changes || response.accepted().is_some() {
        return Ok(response);
    }
    accept(&response, &original, pending)
}

/// Makes the host's own 101 of one that is meant for hyper.
fn accept(response: &Response, original: &OriginalRequest, pending: PendingUpgrade) -> Result {
    let protocol = response.header(header::UPGRADE);
    let protocol = protocol.ok_or_else(|| Error::msg("a 101 names no protocol in `upgrade`"))?;
    let mut accepted =
        original.with(|req| req.upgrade(protocol, |stream| pending.carry(stream)))?;
    let mut headers = response.headers().to_map();
    // The host sets them.
    headers.remove(header::CONNECTION);
    headers.remove(header::UPGRADE);
    // axum gives the length of the empty body, which is not that of what follows a 101 (RFC 9110 §8.6).
    headers.remove(header::CONTENT_LENGTH);
    accepted.headers_mut().replace(&headers);
    Ok(accepted)
}
