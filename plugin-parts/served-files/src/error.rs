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

/// Removes from a 412 or 416 what is true of the file only: what lets a cache keep it, and what describes its content.
///
/// Both depend on request headers that are not part of a cache's key, so a stored one would be the response to everybody.
/// And they have no content: a client would fail to decode it, or offer it to be saved.
pub fn remove_what_describes_the_file(res: &mut Response) {
    let depends = [
        StatusCode::PRECONDITION_FAILED,
        StatusCode::RANGE_NOT_SATISFIABLE,
    ];
    if !depends.contains(&res.status()) {
        return;
    }
    let headers = res.headers();
    let names = headers.iter().map(|(name, _)| name);
    let names = names.filter(|name| lets_caches_keep(name) || describes_content(name));
    let names: Vec<String> = names.map(str::to_owned).collect();
    for name in names {
        res.headers_mut().remove(name);
    }
}

fn lets_caches_keep(name: &str) -> bool {
    // `cdn-cache-control` and its like (RFC 9213); the last three are of CDNs and nginx.
    name.ends_with("cache-control")
        || [
            "expires",
            "surrogate-control",
            "edge-control",
            "x-accel-expires",
        ]
        .contains(&name)
}

/// `content-range` is the 416's own (RFC 9110 §15.5.17).
fn describes_content(name: &str) -> bool {
    [
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-location",
        "content-type",
    ]
    .contains(&name)
}
