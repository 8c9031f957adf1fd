//! Checking the head of a response.

use crate::{Kind, Violation};

/// Headers that belong to the connection, not to the message (RFC 9110 §7.6.1).
const CONNECTION_HEADERS: [&str; 4] = ["keep-alive", "proxy-connection", "te", "upgrade"];

/// Headers that a response without content does not have. In a 304 they describe another response
/// (RFC 9110 §15.4.5).
const CONTENT_HEADERS: [&str; 2] = ["content-length", "content-type"];

/// The head of a response as a layer returns it.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Whether the request was a HEAD.
    pub is_head: bool,
    /// The body's size, if known.
    pub body_size: Option<u64>,
    /// Whether it changes the protocol of the connection.
    pub upgrades: bool,
}

impl<'a> ResponseHead<'a> {
    /// The rules that it breaks.
    pub fn violations(&self) -> impl Iterator<Item = Violation> + use<> {
        let all = [self.status(), self.framing(), self.connection()];
        let all = all
            .into_iter()
            .chain([self.body(), self.content_headers(), self.length()]);
        all.flatten()
    }

    /// The size that the body must have: `content-length`, where that describes this body.
    pub fn expected_body_size(&self) -> Option<u64> {
        let describes_body = !self.is_head && ![204, 304].contains(&self.status);
        parse_content_length(self.values("content-length")).filter(|_| describes_body)
    }

    fn values(&self, wanted: &'static str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let named = self.headers.iter().filter(move |(name, _)| *name == wanted);
        named.map(|(_, value)| *value)
    }

    fn has_header(&self, name: &'static str) -> bool {
        self.values(name).next().is_some()
    }

    fn status(&self) -> Option<Violation> {
        let Self { status, .. } = self;
        let message = || format!("{status} is not a final status");
        let is_final = *status >= 200 || (*status == 101 && self.upgrades);
        (!is_final).then(|| Violation::new(Kind::InformationalStatus, message()))
    }

    fn framing(&self) -> Option<Violation> {
        let message = "a handler set `transfer-encoding`, but the server frames bodies";
        let set = self.has_header("transfer-encoding");
        set.then(|| Violation::new(Kind::TransferEncoding, message))
    }

    fn connection(&self) -> Option<Violation> {
        // A 426 says what it needs (RFC 9110 §15.5.22).
        let may = |name| name == "upgrade" && self.status == 426;
        let named = CONNECTION_HEADERS
            .into_iter()
            .find(|name| self.has_header(name) && !may(*name));
        let closes = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"close");
        let other = !self.values("connection").all(closes);
        let name = named.or(other.then_some("connection"))?;
        let message = format!("a handler set `{name}`, which belongs to the connection");
        Some(Violation::new(Kind::ConnectionHeader, message))
    }

    fn body(&self) -> Option<Violation> {
        let size = self.body_size.filter(|size| *size > 0)?;
        let Self { status, .. } = self;
        let message =
            || format!("a {status} has no content, but this one has a body of {size} bytes");
        // The server drops the body of any response to HEAD.
        let wrong = [204, 304].contains(status) && !self.is_head;
        wrong.then(|| Violation::new(Kind::UnexpectedBody, message()))
    }

    fn content_headers(&self) -> Option<Violation> {
        let set = CONTENT_HEADERS
            .into_iter()
            .find(|name| self.has_header(name));
        let name = set.filter(|_| self.status == 204)?;
        Some(Violation::new(
            Kind::ContentHeader,
            format!("a 204 has no `{name}`"),
        ))
    }

    fn length(&self) -> Option<Violation> {
        if !self.has_header("content-length") {
            return None;
        }
        if parse_content_length(self.values("content-length")).is_none() {
            let message = "`content-length` is not a single number";
            return Some(Violation::new(Kind::InvalidContentLength, message));
        }
        let (expected, size) = self.expected_body_size().zip(self.body_size)?;
        let message = || format!("`content-length` is {expected}, but the body has {size} bytes");
        (expected != size).then(|| Violation::new(Kind::WrongContentLength, message()))
    }
}

/// Parses the values of `content-length`: none unless they are a single number (RFC 9110 §8.6).
pub fn parse_content_length<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<u64> {
    let digits = std::str::from_utf8(values.next()?).ok()?;
    let valid = digits.bytes().all(|byte| byte.is_ascii_digit()) && values.next().is_none();
    digits.parse().ok().filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(status: u16, headers: &[(&str, &str)], body_size: Option<u64>) -> Vec<Kind> {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let (headers, is_head) = (&headers[..], false);
        let head = ResponseHead {
            status,
            headers,
            is_head,
            body_size,
            upgrades: false,
        };
        head.violations().map(|violation| violation.kind).collect()
    }

    #[test]
    fn status_below_200_is_a_violation() {
        assert_eq!(kinds(103, &[], Some(0)), [Kind::InformationalStatus]);
        assert_eq!(kinds(200, &[], Some(0)), []);
        assert_eq!(kinds(599, &[], Some(0)), []);
    }

    #[test]
    fn only_an_upgrade_answers_with_101() {
        let of = |status, upgrades| {
            let head = ResponseHead {
                status,
                headers: &[],
                is_head: false,
                body_size: None,
                upgrades,
            };
            head.violations().count()
        };
        assert_eq!((of(101, true), of(101, false), of(103, true)), (0, 1, 1));
    }

    #[test]
    fn connection_headers_are_violations() {
        let set = |name, value| kinds(200, &[(name, value)], Some(0));
        assert_eq!(
            set("transfer-encoding", "chunked"),
            [Kind::TransferEncoding]
        );
        for name in CONNECTION_HEADERS {
            assert_eq!(set(name, "x"), [Kind::ConnectionHeader], "{name}");
        }
        assert_eq!(set("connection", "keep-alive"), [Kind::ConnectionHeader]);
        assert_eq!(set("connection", "close, x-hop"), [Kind::ConnectionHeader]);
        assert_eq!(set("connection", "Close"), []);
        assert_eq!(set("trailer", "x-sum"), []);
    }

    #[test]
    fn response_without_content_has_no_body_and_no_content_headers() {
        for status in [204, 304] {
            assert_eq!(kinds(status, &[], Some(3)), [Kind::UnexpectedBody]);
            assert_eq!(kinds(status, &[("etag", "\"a\"")], Some(0)), []);
            assert_eq!(kinds(status, &[], None), [], "it may be empty");
        }
        for name in CONTENT_HEADERS {
            assert_eq!(kinds(204, &[(name, "0")], Some(0)), [Kind::ContentHeader]);
            assert_eq!(kinds(304, &[(name, "7")], Some(0)), []);
        }
        assert_eq!(kinds(200, &[("content-type", "text/plain")], Some(0)), []);
        assert_eq!(kinds(200, &[], Some(7)), []);
    }

    #[test]
    fn content_length_is_a_single_number_and_matches() {
        let length = |value, has| kinds(200, &[("content-length", value)], has);
        assert_eq!(length("5", Some(5)), []);
        assert_eq!(length("5", None), []);
        assert_eq!(length("5", Some(6)), [Kind::WrongContentLength]);
        for value in ["", "+5", "5, 5", "five", "99999999999999999999999"] {
            assert_eq!(
                length(value, Some(5)),
                [Kind::InvalidContentLength],
                "{value}"
            );
        }
        let twice = [("content-length", "5"), ("content-length", "5")];
        assert_eq!(kinds(200, &twice, Some(5)), [Kind::InvalidContentLength]);
    }

    #[test]
    fn response_to_head_is_not_measured() {
        let headers: &[(&str, &[u8])] = &[("content-length", b"7")];
        for body_size in [Some(0), Some(3), None] {
            let (status, is_head) = (200, true);
            let head = ResponseHead {
                status,
                headers,
                is_head,
                body_size,
                upgrades: false,
            };
            assert_eq!(head.violations().count(), 0);
            assert_eq!(head.expected_body_size(), None);
        }
    }
}
