//! The directives of `Cache-Control`, in a request or a response (RFC 9111 §5.2).

use std::borrow::Cow;

use crate::age::delta_seconds;
use crate::fields::{Fields, members};

/// One directive. A name is compared in any case; an argument may be a token or quoted (§5.2).
pub(crate) struct Directive<'a> {
    name: &'a [u8],
    argument: Option<&'a [u8]>,
}

/// The directives of a field, in order.
pub(crate) fn directives<'a>(
    fields: &'a impl Fields,
    name: &'a str,
) -> impl Iterator<Item = Directive<'a>> {
    members(fields.lines(name)).map(|member| {
        let equals = member.iter().position(|byte| *byte == b'=');
        let (name, argument) = match equals {
            Some(at) => (&member[..at], Some(&member[at + 1..])),
            None => (member, None),
        };
        // White space around `=` is an error: the name counts, so that restrictions hold, the argument does not.
        let argument = match name.trim_ascii_end() {
            trimmed if trimmed.len() < name.len() => Some(&b""[..]),
            _ => argument,
        };
        Directive {
            name: name.trim_ascii_end(),
            argument,
        }
    })
}

impl Directive<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    pub(crate) fn has_argument(&self) -> bool {
        self.argument.is_some()
    }

    /// A number of seconds; `None` if it is missing or none.
    pub(crate) fn seconds(&self) -> Option<u64> {
        delta_seconds(&unquoted(self.argument?)?)
    }

    /// The names of fields in the argument, in lower case.
    pub(crate) fn field_names(&self) -> impl Iterator<Item = String> {
        let list = self.argument.and_then(unquoted).unwrap_or_default();
        field_names(&list)
    }
}

/// The names in a list of fields, in lower case.
pub(crate) fn field_names(list: &[u8]) -> impl Iterator<Item = String> + use<> {
    let lower = |name: &[u8]| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
    let names: Vec<_> = list.split(|byte| *byte == b',').map(lower).collect();
    names.into_iter().filter(|name| !name.is_empty())
}

/// A token as it is, or the content of a quoted string; `None` if the quote is not closed.
fn unquoted(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(inner) = text.strip_prefix(b"\"") else {
        return Some(text.into());
    };
    let inner = inner.strip_suffix(b"\"")?;
    if !inner.contains(&b'\\') {
        return Some(inner.into());
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        plain.push(if *byte == b'\\' {
            *bytes.next()?
        } else {
            *byte
        });
    }
    Some(plain.into())
}

/// A directive with seconds that may occur once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Seconds {
    #[default]
    Absent,
    Value(u64),
    /// Not a number, or several that differ: the response is stale (§4.2.1).
    Invalid,
}

impl Seconds {
    pub(crate) fn add(&mut self, value: Option<u64>) {
        *self = match (*self, value) {
            (Self::Absent, Some(value)) => Self::Value(value),
            (Self::Value(first), Some(value)) if first == value => Self::Value(first),
            _ => Self::Invalid,
        };
    }

    /// An invalid one is 0, that is, stale.
    pub(crate) fn or_stale(self) -> Option<u64> {
        match self {
            Self::Absent => None,
            Self::Value(value) => Some(value),
            Self::Invalid => Some(0),
        }
    }

    /// An invalid one is left out, where it would permit something.
    pub(crate) fn if_valid(self) -> Option<u64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Invalid => None,
        }
    }
}
