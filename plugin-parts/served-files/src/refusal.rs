//! Answers without a file.

use stackup_plugin::{IntoResponse, Method, Response, Result, StatusCode, header};

/// The methods that files know.
pub const ALLOW: &str = "GET, HEAD, OPTIONS";

/// A line of text, and Rack's sign that another app may try.
///
/// # Errors
///
/// None is known.
pub fn refusal(status: StatusCode) -> Result {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut res = (status, format!("{reason}\n")).into_response()?;
    res.headers_mut().insert("x-cascade", "pass")?;
    Ok(res)
}

/// The refusal of a method that files do not know; none for one that they know.
///
/// # Errors
///
/// None is known.
pub fn allowed(method: &Method) -> Result<Option<Response>> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        return Ok(None);
    }
    let res = refusal(StatusCode::METHOD_NOT_ALLOWED)?;
    Ok(Some(res.with_header(header::ALLOW, ALLOW)?))
}

/// The answer to `OPTIONS`.
///
/// # Errors
///
/// None is known.
pub fn options() -> Result {
    Ok(Response::new(StatusCode::OK).with_header(header::ALLOW, ALLOW)?)
}
