//! An app that says, in the header `x-received`, which request it has received, after it has read the body to its end.
//!
//! `?status=205` has it respond with that status. Its responses have a body, whatever the status.

#![forbid(unsafe_code)]

use stackup_plugin::{Body, Request, Response, Result, StatusCode};

async fn received(mut req: Request) -> Result {
    let body = req.take_body().collect(usize::MAX).await?;
    let value = |name: &str| req.env().get(name).unwrap_or_default().into_owned();
    let host = format!("{}:{}", value("SERVER_NAME"), value("SERVER_PORT"));
    // As it arrived, where the host has changed the path's spelling.
    let target = match (value("REQUEST_URI"), req.query()) {
        (original, _) if !original.is_empty() => original,
        (_, "") => req.path_info().to_owned(),
        (_, query) => format!("{}?{query}", req.path_info()),
    };
    let (method, scheme) = (value("REQUEST_METHOD"), value("rack.url_scheme"));
    let line = format!("{method} {target} {scheme}://{host} {}", body.bytes.len());
    let status = req
        .query()
        .strip_prefix("status=")
        .and_then(|status| status.parse().ok());
    let mut res =
        Response::new(status.unwrap_or(StatusCode::OK)).with_header("x-received", line)?;
    res.set_body(Body::from("the body\n"));
    Ok(res)
}

stackup_plugin::export!(app fn received);
