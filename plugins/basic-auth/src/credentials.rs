//! The credentials in a request (RFC 7617 §2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use stackup_plugin::{Headers, header};

/// The `authorization` of a request.
pub(crate) enum Authorization {
    /// There is none.
    Missing,
    /// Another scheme, malformed, or repeated.
    Invalid,
    Basic(Credentials),
}

/// A name and a password, not verified yet.
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl Authorization {
    pub(crate) fn of(headers: Headers<'_>) -> Self {
        let mut fields = headers.get_all(header::AUTHORIZATION);
        let Some(field) = fields.next() else {
            return Self::Missing;
        };
        // It is not a list: a component in front may have checked the other one (RFC 9110 §5.3).
        if fields.next().is_some() {
            return Self::Invalid;
        }
        field
            .to_str()
            .and_then(Credentials::parse)
            .map_or(Self::Invalid, Self::Basic)
    }
}

impl Credentials {
    fn parse(field: &str) -> Option<Self> {
        let (scheme, encoded) = field.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = STANDARD_PAD_INDIFFERENT.decode(encoded.trim_start()).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (name, password) = decoded.split_once(':')?;
        // Neither may contain control characters (RFC 7617 §2), and bcrypt would cut a password at a NUL.
        (!decoded.contains(char::is_control)).then(|| Self {
            name: name.to_owned(),
            password: password.to_owned(),
        })
    }
}
