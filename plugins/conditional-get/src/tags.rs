//! The tags of `If-None-Match` (RFC 9110 §13.1.2).

use stackup_plugin::Value;

/// The tags that a client has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IfNoneMatch {
    /// `*`: any content.
    Any,
    /// The opaque parts of tags: weak and strong ones compare as equal here (§8.8.3.2).
    Tags(Vec<Vec<u8>>),
}

impl IfNoneMatch {
    /// Parses a list; skips what is not a tag.
    pub(crate) fn parse(list: &[u8]) -> Self {
        if list.trim_ascii() == b"*" {
            return Self::Any;
        }
        let mut tags = Vec::new();
        let mut rest = list;
        while !rest.is_empty() {
            rest = rest.trim_ascii_start();
            match opaque(rest) {
                Some((tag, after)) => {
                    tags.push(tag.to_vec());
                    rest = after;
                }
                None => rest = after_comma(rest),
            }
        }
        Self::Tags(tags)
    }

    /// Whether this matches an `etag`.
    pub(crate) fn include(&self, etag: Option<Value<'_>>) -> bool {
        let Self::Tags(tags) = self else {
            return true;
        };
        let tag = etag.and_then(|etag| opaque(etag.as_bytes().trim_ascii()));
        tag.is_some_and(|(tag, _)| tags.iter().any(|wanted| wanted == tag))
    }
}

/// The text between the quotes of a tag, which may contain commas, and the text after the tag.
fn opaque(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let quoted = text
        .strip_prefix(b"W/")
        .unwrap_or(text)
        .strip_prefix(b"\"")?;
    let end = quoted.iter().position(|byte| *byte == b'"')?;
    let after = quoted[end + 1..].trim_ascii_start();
    let ends = after.is_empty() || after.starts_with(b",");
    let valid = |byte: &u8| !matches!(byte, 0..=0x20 | 0x7f);
    (ends && quoted[..end].iter().all(valid)).then(|| (&quoted[..end], after_comma(after)))
}

fn after_comma(text: &[u8]) -> &[u8] {
    let comma = text.iter().position(|byte| *byte == b',');
    comma.map_or(&[], |at| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(list: &str) -> Vec<String> {
        match IfNoneMatch::parse(list.as_bytes()) {
            IfNoneMatch::Any => vec!["any".to_owned()],
            IfNoneMatch::Tags(tags) => tags
                .into_iter()
                .map(|t| String::from_utf8(t).unwrap())
                .collect(),
        }
    }

    #[test]
    fn list_is_parsed() {
        assert_eq!(tags(r#""a", W/"b" ,,"c,d","""#), ["a", "b", "c,d", ""]);
        assert_eq!(tags(" * "), ["any"]);
        assert_eq!(tags("\"é\""), ["é"]);
    }

    #[test]
    fn malformed_tags_are_skipped() {
        assert_eq!(tags(r#"a, "b"x, w/"c", "d e", *, "f""#), ["f"]);
        for nothing in ["", ",", "\"", "W/", "W/\"a", "\"a", "a"] {
            assert_eq!(tags(nothing), [""; 0], "{nothing}");
        }
    }
}
