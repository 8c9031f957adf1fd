//! Substitutes `${VAR}` in strings.

use super::Span;

/// An invalid `${…}` in a string.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Which `${` of the string, from 0.
    pub(super) nth: usize,
    pub(super) kind: FaultKind,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// The environment has no such variable.
    Missing(String),
    /// `${` without `}`.
    Unterminated,
    /// The text between the braces is not a variable name.
    Name(String),
}

/// `text` with each `${VAR}` replaced; `$${` becomes `${`.
pub(super) fn interpolate(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Vec<Fault>> {
    let mut out = String::with_capacity(text.len());
    let mut faults = Vec::new();
    let mut rest = text;
    let mut nth = 0;
    while let Some(at) = rest.find("${") {
        let after = &rest[at + 2..];
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = after;
            nth += 1;
            continue;
        }
        out.push_str(&rest[..at]);
        let Some(end) = after.find('}') else {
            faults.push(Fault {
                nth,
                kind: FaultKind::Unterminated,
            });
            rest = "";
            break;
        };
        let name = &after[..end];
        // The `}` found may close a later `${`: then this one is unterminated.
        if name.contains("${") {
            faults.push(Fault {
                nth,
                kind: FaultKind::Unterminated,
            });
            rest = after;
        } else {
            match is_name(name).then(|| variable(name)) {
                Some(Some(value)) => out.push_str(&value),
                Some(None) => faults.push(Fault {
                    nth,
                    kind: FaultKind::Missing(name.into()),
                }),
                None => faults.push(Fault {
                    nth,
                    kind: FaultKind::Name(name.into()),
                }),
            }
            rest = &after[end + 1..];
        }
        nth += 1;
    }
    out.push_str(rest);
    if faults.is_empty() {
        Ok(out)
    } else {
        Err(faults)
    }
}

/// Where the manifest has the `nth` `${…}` of a string; the whole string if escapes hide it.
pub(super) fn locate(raw: &str, decoded: &str, nth: usize, span: &Span) -> Span {
    let whole = span.clone();
    if raw.matches("${").count() != decoded.matches("${").count() {
        return whole;
    }
    let Some((at, _)) = raw.match_indices("${").nth(nth) else {
        return whole;
    };
    let end = raw[at..]
        .find(['}', '"', '\'', '\n'])
        .filter(|end| raw[at + end..].starts_with('}'))
        .map_or(at + 2, |end| at + end + 1);
    span.start + at..span.start + end
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, Vec<Fault>> {
        interpolate(text, &|name| (name == "A").then(|| "${B}".to_owned()))
    }

    #[test]
    fn value_is_not_interpolated_again() {
        assert_eq!(filled("<${A}|${A}>").unwrap(), "<${B}|${B}>");
    }

    #[test]
    fn doubled_dollar_is_literal() {
        assert_eq!(filled("$${A} $2b$12$ $${A").unwrap(), "${A} $2b$12$ ${A");
    }

    #[test]
    fn faults_are_numbered_in_order() {
        let faults = filled("$${x} ${B} ${a-b} ${A} ${").unwrap_err();
        assert_eq!(
            faults,
            [
                Fault {
                    nth: 1,
                    kind: FaultKind::Missing("B".into())
                },
                Fault {
                    nth: 2,
                    kind: FaultKind::Name("a-b".into())
                },
                Fault {
                    nth: 4,
                    kind: FaultKind::Unterminated
                },
            ]
        );
    }
}
