//! One line in the format of Rack's `CommonLogger`.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use jiff::Zoned;
use stackup_plugin::{Finished, Request};

/// What is known of a request when it passes.
pub(crate) struct Line {
    ip: String,
    user: String,
    request: String,
}

impl Line {
    pub(crate) fn new(req: &Request) -> Self {
        let env = req.env();
        let value = |name| env.get(name).filter(|value| !value.is_empty());
        let mark = if req.query().is_empty() { "" } else { "?" };
        Self {
            ip: escape(&value("REMOTE_ADDR").unwrap_or("-".into())),
            user: escape(&value("REMOTE_USER").unwrap_or("-".into())),
            request: escape(&format!(
                "{} {}{}{mark}{} {:?}",
                req.method(),
                req.script_name(),
                req.path_info(),
                req.query(),
                req.version(),
            )),
        }
    }

    /// The line, once the response has ended.
    pub(crate) fn finish(&self, end: &Finished<'_>, now: &Zoned, took: Duration) -> String {
        let Self { ip, user, request } = self;
        let now = now.strftime("%d/%b/%Y:%H:%M:%S %z");
        let status = status(end);
        let length = length(end);
        let seconds = took.as_secs_f64();
        format!(r#"{ip} - {user} [{now}] "{request}" {status} {length} {seconds:.4}"#)
    }
}

/// The status that the client got, or was to get; `-` if it left before there was one.
fn status(end: &Finished<'_>) -> impl Display {
    let of_error = || Some(end.error()?.status()).filter(|status| status.is_server_error());
    let status = end.status().or_else(of_error);
    status.map_or("-".to_owned(), |status| status.as_u16().to_string())
}

/// The length of a whole body, the bytes that were sent of a broken one; `-` for none and for 0.
fn length(end: &Finished<'_>) -> String {
    let told = || {
        let headers = end.headers().filter(|_| end.error().is_none())?;
        headers.text("content-length")?.parse().ok()
    };
    match told().unwrap_or(end.body_bytes()) {
        0 => "-".to_owned(),
        bytes => bytes.to_string(),
    }
}

/// `text` with all that is not visible ASCII, and quotes and backslashes, as `\xHH`: so that nobody
/// can write a line of his own.
fn escape(text: &str) -> String {
    struct Escaped<'a>(&'a str);
    impl Display for Escaped<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.bytes().try_for_each(|byte| match byte {
                b'"' | b'\\' | 0..b' ' | 0x7f.. => write!(f, "\\x{byte:02X}"),
                visible => f.write_char(visible.into()),
            })
        }
    }
    Escaped(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_the_line() {
        assert_eq!(escape("GET /a b"), "GET /a b");
        assert_eq!(escape("\"\\\n\u{7f}é"), r"\x22\x5C\x0A\x7F\xC3\xA9");
    }
}
