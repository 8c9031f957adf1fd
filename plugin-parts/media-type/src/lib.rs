//! Validating media types in configs.

#![forbid(unsafe_code)]

/// Whether this is a media type, `type/subtype` with optional parameters, that may stand in a header (RFC 9110
/// §8.3.1).
pub fn is_media_type(text: &str) -> bool {
    let visible = text
        .bytes()
        .all(|byte| byte == b'\t' || matches!(byte, b' '..=b'~'));
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    let token = |text: &str| {
        let mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
        let part_of_token = |byte: u8| byte.is_ascii_alphanumeric() || mark(byte);
        !text.is_empty() && text.bytes().all(part_of_token)
    };
    let parts = essence.split_once('/');
    visible && parts.is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

#[cfg(test)]
mod tests {
    use super::is_media_type;

    #[test]
    fn type_and_subtype_are_tokens() {
        for text in [
            "text/html",
            "text/html; charset=utf-8",
            "application/vnd.api+json",
            "image/svg+xml ;q=\"a b\"",
        ] {
            assert!(is_media_type(text), "{text}");
        }
        for text in [
            "",
            " ",
            "html",
            "text/",
            "/html",
            "te xt/html",
            "text/h,tml",
            "text/html\r\nx: y",
            "text/html; a\nb",
            "text/html; é",
            ";text/html",
        ] {
            assert!(!is_media_type(text), "{text}");
        }
    }
}
