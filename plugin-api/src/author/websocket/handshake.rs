//! The opening handshake, as the server sees it (RFC 6455 §4.2).

use http::{Method, StatusCode, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::WebSocketOptions;
use crate::{Error, Request, Result};

/// What the response says.
pub(super) struct Accepted {
    /// `sec-websocket-accept`.
    pub(super) key: String,
    /// `sec-websocket-protocol`.
    pub(super) protocol: Option<String>,
}

/// Checks a request that offers `websocket`.
///
/// # Errors
///
/// With the status for the client: 400, 403 for another origin, 426 for another version.
pub(super) fn check(req: &Request, options: &WebSocketOptions) -> Result<Accepted> {
    if req.method() != Method::GET {
        return Err(Error::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "a WebSocket begins with GET",
        ));
    }
    let headers = req.headers();
    if headers.text(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        let error = Error::new(
            StatusCode::UPGRADE_REQUIRED,
            "this server speaks version 13 of the WebSocket protocol",
        );
        return Err(error
            .with_header(header::UPGRADE, "websocket")?
            .with_header(header::SEC_WEBSOCKET_VERSION, "13")?);
    }
    check_origin(req, options)?;
    let key = headers.text(header::SEC_WEBSOCKET_KEY).unwrap_or_default();
    if !is_key(key) {
        let message = "`sec-websocket-key` is not 16 bytes in base64";
        return Err(Error::new(StatusCode::BAD_REQUEST, message));
    }
    let offered: Vec<_> = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let mut known = options.protocols.iter();
    let protocol = known.find(|known| offered.contains(&known.as_str()));
    Ok(Accepted {
        key: derive_accept_key(key.as_bytes()),
        protocol: protocol.cloned(),
    })
}

/// Browsers say which page opens the socket, and send its cookies along: other sites must not use them (RFC 6455 §10.2).
fn check_origin(req: &Request, options: &WebSocketOptions) -> Result<()> {
    let Some(allowed) = &options.origins else {
        return Ok(());
    };
    let headers = req.headers();
    let Some(origin) = headers.get(header::ORIGIN) else {
        // No browser.
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.text(header::HOST).unwrap_or_default();
    let own = format!("{}://{host}", req.scheme());
    if origin.eq_ignore_ascii_case(&own)
        || allowed.iter().any(|one| one.eq_ignore_ascii_case(origin))
    {
        return Ok(());
    }
    let message = format!("the page at `{origin}` may not open a WebSocket here");
    Err(Error::new(StatusCode::FORBIDDEN, message))
}

/// Whether it is 16 bytes in base64.
fn is_key(key: &str) -> bool {
    let digits = key.strip_suffix("==").unwrap_or_default().as_bytes();
    // The last of 22 digits has two bits.
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.len() == 22 && digits.iter().all(is_digit) && b"AQgw".contains(&digits[21])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_16_bytes_in_base64() {
        assert!(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
        for key in [
            "",
            "==",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25jZ!==",
        ] {
            assert!(!is_key(key), "{key}");
        }
    }
}
