//! A name and a password in a request (RFC 7617 §2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use stackup_plugin::{Headers, header};

/// What a request shows of itself.
pub(crate) enum Presented {
    /// No `authorization`.
    Nothing,
    /// One of another scheme, or nonsense.
    Unusable,
    Basic(Credentials),
}

/// A name and a password that are yet to be believed.
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl Presented {
    pub(crate) fn of(headers: Headers<'_>) -> Self {
        let mut fields = headers.get_all(header::AUTHORIZATION);
        let Some(field) = fields.next() else {
            return Self::Nothing;
        };
        // It is no list: of two, somebody in front may have looked at the other one (RFC 9110 §5.3).
        if fields.next().is_some() {
            return Self::Unusable;
        }
        field
            .to_str()
            .and_then(Credentials::parse)
            .map_or(Self::Unusable, Self::Basic)
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
        // Neither may have any (RFC 7617 §2), and a NUL would be the end of a password to bcrypt.
        (!decoded.contains(char::is_control)).then(|| Self {
            name: name.to_owned(),
            password: password.to_owned(),
        })
    }
}
