//! The head of a response.

use crate::{Kind, Offence};

/// Headers of a connection and not of a message (RFC 9110 §7.6.1).
const OF_CONNECTION: [&str; 4] = ["keep-alive", "proxy-connection", "te", "upgrade"];

/// What is not there without content; in a 304 it speaks of another response (RFC 9110 §15.4.5).
const OF_CONTENT: [&str; 2] = ["content-length", "content-type"];

/// A response as a layer returns it.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Whether the layer was asked for a head alone.
    pub is_head: bool,
    /// The body's size, where that is known.
    pub has: Option<u64>,
}

impl<'a> Answered<'a> {
    /// What is wrong with it.
    pub fn offences(&self) -> impl Iterator<Item = Offence> + use<> {
        let all = [self.status(), self.framing(), self.connection()];
        let all = all
            .into_iter()
            .chain([self.body(), self.of_body(), self.length()]);
        all.flatten()
    }

    /// The bytes that the body must have, where `content-length` is of this very body.
    pub fn promised(&self) -> Option<u64> {
        let of_this = !self.is_head && ![204, 304].contains(&self.status);
        promised(self.values("content-length")).filter(|_| of_this)
    }

    fn values(&self, wanted: &'static str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let named = self.headers.iter().filter(move |(name, _)| *name == wanted);
        named.map(|(_, value)| *value)
    }

    fn has_header(&self, name: &'static str) -> bool {
        self.values(name).next().is_some()
    }

    fn status(&self) -> Option<Offence> {
        let Self { status, .. } = self;
        let message = || format!("{status} is no final response");
        (*status < 200).then(|| Offence::new(Kind::Informational, message()))
    }

    fn framing(&self) -> Option<Offence> {
        let message = "a handler set `transfer-encoding`, but the server frames bodies";
        let set = self.has_header("transfer-encoding");
        set.then(|| Offence::new(Kind::Framing, message))
    }

    fn connection(&self) -> Option<Offence> {
        let named = OF_CONNECTION.into_iter().find(|name| self.has_header(name));
        let closes = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"close");
        let other = !self.values("connection").all(closes);
        let name = named.or(other.then_some("connection"))?;
        let message = format!("a handler set `{name}`, which is of the connection");
        Some(Offence::new(Kind::Connection, message))
    }

    fn body(&self) -> Option<Offence> {
        let has = self.has.filter(|has| *has > 0)?;
        let Self { status, .. } = self;
        let message =
            || format!("a {status} has no content, but this one has a body of {has} bytes");
        // What is dropped for HEAD is dropped whatever it is.
        let wrong = [204, 304].contains(status) && !self.is_head;
        wrong.then(|| Offence::new(Kind::Body, message()))
    }

    fn of_body(&self) -> Option<Offence> {
        let set = OF_CONTENT.into_iter().find(|name| self.has_header(name));
        let name = set.filter(|_| self.status == 204)?;
        Some(Offence::new(Kind::OfBody, format!("a 204 has no `{name}`")))
    }

    fn length(&self) -> Option<Offence> {
        if !self.has_header("content-length") {
            return None;
        }
        if promised(self.values("content-length")).is_none() {
            let message = "`content-length` is not one number";
            return Some(Offence::new(Kind::NoLength, message));
        }
        let (promised, has) = self.promised().zip(self.has)?;
        let message = || format!("`content-length` is {promised}, but the body has {has} bytes");
        (promised != has).then(|| Offence::new(Kind::Length, message()))
    }
}

/// The one number that the values of `content-length` are (RFC 9110 §8.6).
pub fn promised<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<u64> {
    let digits = std::str::from_utf8(values.next()?).ok()?;
    let valid = digits.bytes().all(|byte| byte.is_ascii_digit()) && values.next().is_none();
    digits.parse().ok().filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(status: u16, headers: &[(&str, &str)], has: Option<u64>) -> Vec<Kind> {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let (headers, is_head) = (&headers[..], false);
        let answered = Answered {
            status,
            headers,
            is_head,
            has,
        };
        answered.offences().map(|offence| offence.kind).collect()
    }

    #[test]
    fn a_final_status_is_200_or_above() {
        assert_eq!(kinds(103, &[], Some(0)), [Kind::Informational]);
        assert_eq!(kinds(200, &[], Some(0)), []);
        assert_eq!(kinds(599, &[], Some(0)), []);
    }

    #[test]
    fn framing_and_connection_are_the_servers() {
        let set = |name, value| kinds(200, &[(name, value)], Some(0));
        assert_eq!(set("transfer-encoding", "chunked"), [Kind::Framing]);
        for name in OF_CONNECTION {
            assert_eq!(set(name, "x"), [Kind::Connection], "{name}");
        }
        assert_eq!(set("connection", "keep-alive"), [Kind::Connection]);
        assert_eq!(set("connection", "close, x-hop"), [Kind::Connection]);
        assert_eq!(set("connection", "Close"), []);
        assert_eq!(set("trailer", "x-sum"), []);
    }

    #[test]
    fn what_has_no_content_has_nothing_of_it() {
        for status in [204, 304] {
            assert_eq!(kinds(status, &[], Some(3)), [Kind::Body]);
            assert_eq!(kinds(status, &[("etag", "\"a\"")], Some(0)), []);
            assert_eq!(kinds(status, &[], None), [], "it may be empty");
        }
        for name in OF_CONTENT {
            assert_eq!(kinds(204, &[(name, "0")], Some(0)), [Kind::OfBody]);
            assert_eq!(kinds(304, &[(name, "7")], Some(0)), []);
        }
        assert_eq!(kinds(200, &[("content-type", "text/plain")], Some(0)), []);
        assert_eq!(kinds(200, &[], Some(7)), []);
    }

    #[test]
    fn a_length_is_one_number_and_the_bodys() {
        let length = |value, has| kinds(200, &[("content-length", value)], has);
        assert_eq!(length("5", Some(5)), []);
        assert_eq!(length("5", None), []);
        assert_eq!(length("5", Some(6)), [Kind::Length]);
        for value in ["", "+5", "5, 5", "five", "99999999999999999999999"] {
            assert_eq!(length(value, Some(5)), [Kind::NoLength], "{value}");
        }
        let twice = [("content-length", "5"), ("content-length", "5")];
        assert_eq!(kinds(200, &twice, Some(5)), [Kind::NoLength]);
    }

    #[test]
    fn an_answer_to_head_speaks_of_another_body() {
        let headers: &[(&str, &[u8])] = &[("content-length", b"7")];
        for has in [Some(0), Some(3), None] {
            let (status, is_head) = (200, true);
            let answered = Answered {
                status,
                headers,
                is_head,
                has,
            };
            assert_eq!(answered.offences().count(), 0);
            assert_eq!(answered.promised(), None);
        }
    }
}
