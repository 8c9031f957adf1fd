//! Headers of the host as fields of the rules.

use http_cache::Fields;
use stackup_plugin::{Headers, Value};

/// The headers of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'h>(pub(crate) Headers<'h>);

impl Fields for Of<'_> {
    fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.get_all(name).map(Value::as_bytes)
    }

    fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name, value.as_bytes()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// The headers of a message that is about to go down, in two pieces of memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Copied {
    /// All names and values, one after the other.
    bytes: Vec<u8>,
    /// Where each name and then its value ends.
    ends: Vec<(usize, usize)>,
}

impl Copied {
    pub(crate) fn of(headers: Headers<'_>) -> Self {
        let all = headers.iter();
        let mut copied = Self {
            bytes: Vec::with_capacity(1024),
            ends: Vec::with_capacity(all.len()),
        };
        for (name, value) in all {
            copied.bytes.extend_from_slice(name.as_bytes());
            let name = copied.bytes.len();
            copied.bytes.extend_from_slice(value.as_bytes());
            copied.ends.push((name, copied.bytes.len()));
        }
        copied
    }
}

impl Fields for Copied {
    fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.all().filter(move |(known, _)| *known == name);
        named.map(|(_, value)| value)
    }

    fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut begin = 0;
        self.ends.iter().map(move |&(name, end)| {
            let (text, value) = (&self.bytes[begin..name], &self.bytes[name..end]);
            begin = end;
            // Names are tokens.
            (std::str::from_utf8(text).unwrap_or_default(), value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_has_all_lines_in_order() {
        let mut res = stackup_plugin::Response::new(stackup_plugin::StatusCode::OK);
        for (name, value) in [("a", "1"), ("bc", ""), ("a", "2")] {
            res.headers_mut().append(name, value).unwrap();
        }
        let copied = Copied::of(res.headers());
        assert_eq!(copied.lines("a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(copied.lines("bc").collect::<Vec<_>>(), [b""]);
        assert!(!copied.has("b"));
        assert_eq!(copied.all().count(), res.headers().iter().len());
    }
}
