//! Which fields of a request select a stored response (RFC 9111 §4.1).

use crate::directives::field_names;
use crate::fields::{Fields, members};

/// The value of `Vary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vary {
    /// The response answers every request for its target.
    None,
    /// `*`: it answers no other request.
    Any,
    /// It answers requests with the same values of these fields; in lower case, sorted.
    Names(Vec<String>),
}

impl Vary {
    /// Reads all lines of `Vary`.
    pub fn of(response: &impl Fields) -> Self {
        let mut names: Vec<_> = response.lines("vary").flat_map(field_names).collect();
        if names.iter().any(|name| name == "*") {
            return Self::Any;
        }
        names.sort_unstable();
        names.dedup();
        match names.is_empty() {
            true => Self::None,
            false => Self::Names(names),
        }
    }
}

/// The values of `names` in a request, in a form that is equal for requests that mean the same: lines are joined, white space
/// around members goes, and for the `Accept` fields case and order do not matter (RFC 9110 §12.5).
pub fn variant_key<'a>(names: impl IntoIterator<Item = &'a str>, request: &impl Fields) -> Vec<u8> {
    let mut key = Vec::new();
    for name in names {
        let unordered = is_unordered(name);
        let mut values: Vec<Vec<u8>> = members(request.lines(name))
            .map(|member| match unordered {
                true => without_space(member),
                false => member.to_vec(),
            })
            .collect();
        if unordered {
            values.sort_unstable();
        }
        key.push(u8::from(request.has(name)));
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                key.push(b',');
            }
            key.extend_from_slice(value);
        }
        // No value contains a line feed.
        key.push(b'\n');
    }
    key
}

/// The order of their members means nothing: weights say what is preferred.
fn is_unordered(name: &str) -> bool {
    matches!(
        name,
        "accept" | "accept-charset" | "accept-encoding" | "accept-language"
    )
}

fn without_space(member: &[u8]) -> Vec<u8> {
    let visible = member.iter().filter(|byte| !byte.is_ascii_whitespace());
    visible.map(u8::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    fn vary(lines: &[&str]) -> Vary {
        Vary::of(&lines.iter().map(|line| ("vary", *line)).collect::<List>())
    }

    fn key(name: &str, lines: &[&str]) -> Vec<u8> {
        let request: List = lines.iter().map(|line| (name, *line)).collect();
        variant_key([name], &request)
    }

    #[test]
    fn star_anywhere_matches_nothing() {
        assert_eq!(vary(&["accept, *"]), Vary::Any);
        assert_eq!(vary(&["accept", "*"]), Vary::Any);
        assert_eq!(vary(&["", " ,"]), Vary::None);
        let names = ["accept".to_owned(), "cookie".to_owned()];
        assert_eq!(
            vary(&["Cookie, ACCEPT", "cookie"]),
            Vary::Names(names.into())
        );
    }

    #[test]
    fn requests_that_mean_the_same_have_one_key() {
        let language = |lines: &[&str]| key("accept-language", lines);
        assert_eq!(language(&["en, de"]), language(&["DE,en"]));
        assert_eq!(language(&["en ; q=0.5, de"]), language(&["de", "en;q=0.5"]));
        assert_ne!(language(&["en"]), language(&["en, de"]));
        assert_eq!(key("x", &["a , b"]), key("x", &["a", "b"]));
        assert_ne!(key("x", &["a, b"]), key("x", &["b, a"]));
        assert_ne!(key("x", &["a"]), key("x", &["A"]));
        assert_ne!(key("x", &[]), key("x", &[""]));
    }
}
