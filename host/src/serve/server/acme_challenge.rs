//! Requests of CAs that validate a name (http-01, RFC 8555 §8.3), on listeners without TLS of sites that order certificates so.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::Full;

use crate::load::acme::Challenges;

const FOLDER: &str = "/.well-known/acme-challenge/";

/// The answer to a CA whose challenge is pending. All other requests are the stack's, also below that path.
pub(super) async fn challenge_response<B>(
    request: &Request<B>,
    challenges: &Arc<Challenges>,
) -> Option<Response<Full<Bytes>>> {
    let token = request.uri().path().strip_prefix(FOLDER)?;
    if *request.method() != Method::GET {
        return None;
    }
    let (challenges, token) = (Arc::clone(challenges), token.to_owned());
    // It reads a file.
    let found = tokio::task::spawn_blocking(move || challenges.key_authorization(&token)).await;
    let mut response = Response::new(Full::from(found.ok().flatten()?));
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Some(response)
}
