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

/// The answer to a method that asks for no file: 200 for `OPTIONS`, 405 for those that files do not
/// know; none for GET and HEAD.
///
/// # Errors
///
/// None is known.
pub fn asks_for_no_file(method: &Method) -> Result<Option<Response>> {
    let res = match *method {
        Method::GET | Method::HEAD => return Ok(None),
        Method::OPTIONS => Response::new(StatusCode::OK),
        _ => refusal(StatusCode::METHOD_NOT_ALLOWED)?,
    };
    Ok(Some(res.with_header(header::ALLOW, ALLOW)?))
}
