//! Which requests may be sent twice.

use stackup_plugin::{FetchError, FetchErrorKind, Request, StatusCode};

/// Whether two of this request do the same as one: its method is idempotent (RFC 9110 §9.2.2), and it has no body.
pub fn is_repeatable(req: &mut Request) -> bool {
    let body = req.take_body();
    let is_empty = body.is_end();
    req.set_body(body);
    is_empty && req.method().is_idempotent()
}

/// Whether a request that may be repeated may be so after this error. A server that was too slow for it may still be at it.
pub fn may_repeat(error: &FetchError) -> bool {
    error.kind() == FetchErrorKind::Exchange && error.status() != StatusCode::GATEWAY_TIMEOUT
}
