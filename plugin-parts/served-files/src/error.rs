//! Responses without a file.

use stackup_plugin::{IntoResponse, Method, Request, Response, Result, StatusCode, header};

/// The methods that files support.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// An error as a line of text, with Rack's sign that another app may try.
///
/// # Errors
///
/// None is known.
pub fn error_response(status: StatusCode) -> Result {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut res = (status, format!("{reason}\n")).into_response()?;
    res.headers_mut().insert("x-cascade", "pass")?;
    Ok(res)
}

/// The response to a request that does not depend on a file: 405 for a method that files do not support, 200 for
/// `OPTIONS *`. None for all others: whether `OPTIONS` succeeds depends on whether the file exists.
///
/// # Errors
///
/// None is known.
pub fn respond_without_file(req: &Request) -> Result<Option<Response>> {
    let res = match req.method() {
        Method::OPTIONS if req.path_info() == "*" => return options_response().map(Some),
        Method::GET | Method::HEAD | Method::OPTIONS => return Ok(None),
        _ => error_response(StatusCode::METHOD_NOT_ALLOWED)?,
    };
    Ok(Some(res.with_header(header::ALLOW, ALLOW)?))
}

/// The response to `OPTIONS` for a file or directory that exists.
///
/// # Errors
///
/// None is known.
pub fn options_response() -> Result {
    Ok(Response::new(StatusCode::OK).with_header(header::ALLOW, ALLOW)?)
}

/// Removes what lets a cache keep a 412 or 416. Both depend on request headers that are not part of a cache's key, so
/// a stored one would be the response to everybody.
pub fn forbid_caching_of_errors(res: &mut Response) {
    let depends = [
        StatusCode::PRECONDITION_FAILED,
        StatusCode::RANGE_NOT_SATISFIABLE,
    ];
    if !depends.contains(&res.status()) {
        return;
    }
    let headers = res.headers();
    let freshness = headers.iter().map(|(name, _)| name).filter(|name| {
        // `cdn-cache-control` and its like (RFC 9213).
        name.ends_with("cache-control") || ["expires", "surrogate-control"].contains(name)
    });
    let freshness: Vec<String> = freshness.map(str::to_owned).collect();
    for name in freshness {
        res.headers_mut().remove(name);
    }
}
