//! Conditional requests (RFC 9110 §13).

use std::time::SystemTime;

use stackup_plugin::{AsName, Headers, header};

use crate::validators::Validators;

/// The outcome of the conditions of a `GET` or `HEAD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// Respond as if there were none.
    Met,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates the conditions in the order of RFC 9110 §13.2.2.
pub(crate) fn evaluate(headers: Headers<'_>, now: &Validators) -> Precondition {
    if headers.contains(header::IF_MATCH) {
        // Only a strong tag guarantees identical bytes.
        let same = |tag: &str| tag == "*" || is_strong(tag) && now.tag.as_deref() == Some(tag);
        if !tags(headers, header::IF_MATCH).any(same) {
            return Precondition::Failed;
        }
    } else if let (Some(limit), Some(changed)) =
        (date(headers, header::IF_UNMODIFIED_SINCE), now.changed)
        && changed > limit
    {
        return Precondition::Failed;
    }
    if headers.contains(header::IF_NONE_MATCH) {
        let same = |tag: &str| {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            tag == "*" || now.opaque() == Some(opaque)
        };
        return match tags(headers, header::IF_NONE_MATCH).any(same) {
            true => Precondition::NotModified,
            false => Precondition::Met,
        };
    }
    // A date that stands in for one in the future does not tell whether the file has changed.
    let changed = now.changed.filter(|_| !now.future);
    match (date(headers, header::IF_MODIFIED_SINCE), changed) {
        (Some(known), Some(changed)) if changed <= known => Precondition::NotModified,
        _ => Precondition::Met,
    }
}

/// Whether a range may be served: without `If-Range`, or with one that identifies these very bytes
/// (RFC 9110 §13.1.5).
pub(crate) fn range_holds(headers: Headers<'_>, now: &Validators) -> bool {
    let mut values = headers.get_all(header::IF_RANGE);
    let Some(value) = values.next() else {
        return true;
    };
    let Some(value) = value.to_str().filter(|_| values.next().is_none()) else {
        return false;
    };
    if value.contains('"') {
        return is_strong(value) && now.tag.as_deref() == Some(value);
    }
    let date = httpdate::parse_http_date(value).ok();
    now.settled && date.is_some() && date == now.changed
}

fn is_strong(tag: &str) -> bool {
    tag.starts_with('"')
}

/// The tags of all lines of a list. A tag may contain a comma.
fn tags<'a>(headers: Headers<'a>, name: impl AsName + 'a) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).filter_map(|value| value.to_str());
    lines.flat_map(|mut rest| {
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let opaque = rest.strip_prefix("W/").unwrap_or(rest);
            let end = match opaque.strip_prefix('"') {
                Some(text) => rest.len() - text.len() + text.find('"')? + 1,
                None => rest.find([',', ' ', '\t']).unwrap_or(rest.len()),
            };
            let (tag, after) = rest.split_at(end);
            rest = after;
            (!tag.is_empty()).then_some(tag)
        })
    })
}

/// A date; none if it is malformed or occurs twice (RFC 9110 §13.1.3).
fn date(headers: Headers<'_>, name: impl AsName) -> Option<SystemTime> {
    let mut values = headers.get_all(name);
    let date = values.next()?.to_str()?;
    if values.next().is_some() {
        return None;
    }
    httpdate::parse_http_date(date).ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use stackup_plugin::{Response, StatusCode};

    use super::*;

    const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const EARLIER: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
    const LATER: &str = "Sunday, 09-Sep-01 01:46:41 GMT";

    fn state(tag: &str, settled: bool) -> Validators {
        Validators {
            tag: Some(tag.to_owned()),
            changed: Some(UNIX_EPOCH + Duration::from_secs(1_000_000_000)),
            settled,
            future: false,
        }
    }

    fn of(fields: &[(&str, &str)]) -> Response {
        let mut res = Response::new(StatusCode::OK);
        for (name, value) in fields {
            res.headers_mut().append(*name, *value).unwrap();
        }
        res
    }

    #[test]
    fn conditions_are_evaluated_in_order() {
        use Precondition::{Failed, Met, NotModified};
        let cases: [(&[(&str, &str)], Precondition); 24] = [
            (&[], Met),
            (&[("if-none-match", "\"a\"")], NotModified),
            (&[("if-none-match", "W/\"a\"")], NotModified),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"b\", \"a\"")], NotModified),
            (
                &[("if-none-match", "\"b\""), ("if-none-match", "\"a\"")],
                NotModified,
            ),
            (&[("if-none-match", "\"a,b\" , \"x\"")], Met),
            (&[("if-none-match", "a")], Met),
            (&[("if-none-match", "\"a")], Met),
            (&[("if-none-match", "")], Met),
            // If-None-Match overrides the date.
            (
                &[("if-none-match", "\"b\""), ("if-modified-since", DATE)],
                Met,
            ),
            (&[("if-modified-since", DATE)], NotModified),
            (&[("if-modified-since", LATER)], NotModified),
            (&[("if-modified-since", EARLIER)], Met),
            (&[("if-modified-since", "yesterday")], Met),
            (
                &[("if-modified-since", DATE), ("if-modified-since", DATE)],
                Met,
            ),
            (&[("if-match", "\"a\"")], Met),
            (&[("if-match", "*")], Met),
            (&[("if-match", "\"b\"")], Failed),
            (&[("if-match", "W/\"a\"")], Failed),
            (&[("if-unmodified-since", DATE)], Met),
            (&[("if-unmodified-since", EARLIER)], Failed),
            (
                &[("if-match", "\"a\""), ("if-unmodified-since", EARLIER)],
                Met,
            ),
            (&[("if-match", "\"b\""), ("if-none-match", "\"a\"")], Failed),
        ];
        for (fields, expected) in cases {
            let found = evaluate(of(fields).headers(), &state("\"a\"", true));
            assert_eq!(found, expected, "{fields:?}");
        }
    }

    #[test]
    fn weak_tag_matches_no_strong_condition() {
        let weak = state("W/\"a\"", false);
        assert_eq!(
            evaluate(of(&[("if-match", "W/\"a\"")]).headers(), &weak),
            Precondition::Failed
        );
        assert_eq!(
            evaluate(of(&[("if-match", "\"a\"")]).headers(), &weak),
            Precondition::Failed
        );
        assert_eq!(
            evaluate(of(&[("if-none-match", "\"a\"")]).headers(), &weak),
            Precondition::NotModified
        );
    }

    #[test]
    fn if_range_requires_identical_bytes() {
        let cases = [
            ("\"a\"", true, true),
            ("\"b\"", true, false),
            ("W/\"a\"", true, false),
            (DATE, true, true),
            (EARLIER, true, false),
            (LATER, true, false),
            (DATE, false, false),
            ("", true, false),
        ];
        for (value, settled, holds) in cases {
            let message = of(&[("if-range", value)]);
            assert_eq!(
                range_holds(message.headers(), &state("\"a\"", settled)),
                holds,
                "{value}"
            );
        }
        assert!(range_holds(of(&[]).headers(), &state("W/\"a\"", false)));
        let weak = state("W/\"a\"", false);
        assert!(!range_holds(
            of(&[("if-range", "W/\"a\"")]).headers(),
            &weak
        ));
    }

    #[test]
    fn file_without_validators_is_always_sent() {
        let none = Validators::default();
        for (name, expected) in [
            ("if-none-match", Precondition::Met),
            ("if-modified-since", Precondition::Met),
            ("if-unmodified-since", Precondition::Met),
            ("if-match", Precondition::Failed),
        ] {
            for value in ["\"a\"", "\"\"", LATER] {
                let found = evaluate(of(&[(name, value)]).headers(), &none);
                let malformed = name.ends_with("match") != value.starts_with('"');
                assert!(malformed || found == expected, "{name}: {value}");
            }
        }
        let any = of(&[("if-none-match", "*")]);
        assert_eq!(evaluate(any.headers(), &none), Precondition::NotModified);
        for value in ["\"a\"", LATER] {
            assert!(!range_holds(of(&[("if-range", value)]).headers(), &none));
        }
    }

    #[test]
    fn date_in_place_of_one_in_the_future_is_not_trusted() {
        let request = of(&[("if-modified-since", LATER)]);
        let mut file = state("W/\"a\"", false);
        assert_eq!(
            evaluate(request.headers(), &file),
            Precondition::NotModified
        );
        file.future = true;
        assert_eq!(evaluate(request.headers(), &file), Precondition::Met);
    }
}
