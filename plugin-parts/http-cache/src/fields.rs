//! Header fields, wherever they are kept, and lists in them.

/// The fields of a message. Names are in lower case.
pub trait Fields {
    /// The lines of `name`, in order.
    fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]>;

    /// Every name and line, in order.
    fn all(&self) -> impl Iterator<Item = (&str, &[u8])>;

    /// The first line of `name`.
    fn first<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.lines(name).next()
    }

    /// Whether there is a line of `name`.
    fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The only line of `name`; none if there are several.
    fn only<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        let mut lines = self.lines(name);
        let first = lines.next()?;
        lines.next().is_none().then_some(first)
    }
}

/// A list of names and values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List(pub Vec<(String, Vec<u8>)>);

impl Fields for List {
    fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| &value[..])
    }

    fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&name[..], &value[..]))
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for List {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        Self(fields.map(|(n, v)| (n.into(), v.into())).collect())
    }
}

/// The members of a list field (RFC 9110 §5.6.1): over all its lines, without white space around them, empty ones left out.
/// A comma within quotes separates nothing.
pub fn members<'a>(lines: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    lines.flat_map(|line| Members(Some(line)))
}

struct Members<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = self.0?;
            let end = end_of_member(rest);
            self.0 = rest.get(end + 1..);
            let member = rest[..end].trim_ascii();
            if !member.is_empty() {
                return Some(member);
            }
        }
    }
}

fn end_of_member(text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let ends = |byte: &u8| {
        match (byte, quoted, escaped) {
            (b'"', _, false) => quoted = !quoted,
            (b'\\', true, false) => {
                escaped = true;
                return false;
            }
            (b',', false, _) => return true,
            _ => {}
        }
        escaped = false;
        false
    };
    text.iter().position(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_is_split_outside_of_quotes_and_over_lines() {
        let of = |lines: &[&'static str]| -> Vec<String> {
            let lines = lines.iter().map(|line| line.as_bytes());
            let text = |member: &[u8]| String::from_utf8_lossy(member).into_owned();
            members(lines).map(text).collect()
        };
        assert_eq!(of(&["a, b ,,\tc", "", "d"]), ["a", "b", "c", "d"]);
        assert_eq!(of(&[r#"a="1, 2", b"#]), [r#"a="1, 2""#, "b"]);
        assert_eq!(of(&[r#"a="\", x", b"#]), [r#"a="\", x""#, "b"]);
        assert_eq!(of(&[r#"a="open, b"#]), [r#"a="open, b"#]);
    }
}
