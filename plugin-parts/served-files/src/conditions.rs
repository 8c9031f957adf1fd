//! Conditions of a request (RFC 9110 §13).

use std::time::SystemTime;

use stackup_plugin::{AsName, Headers, header};

use crate::validators::Validators;

/// What the conditions of a `GET` or `HEAD` come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer as if there were none.
    Go,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Weighs the conditions in the order of RFC 9110 §13.2.2.
pub(crate) fn weigh(headers: Headers<'_>, now: &Validators) -> Verdict {
    if headers.contains(header::IF_MATCH) {
        // Only a strong tag tells that not a byte has changed.
        if !tags(headers, header::IF_MATCH)
            .any(|tag| tag == "*" || tag == now.tag && is_strong(tag))
        {
            return Verdict::Failed;
        }
    } else if let (Some(limit), Some(changed)) =
        (date(headers, header::IF_UNMODIFIED_SINCE), now.changed)
        && changed > limit
    {
        return Verdict::Failed;
    }
    if headers.contains(header::IF_NONE_MATCH) {
        let same = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == now.opaque();
        return match tags(headers, header::IF_NONE_MATCH).any(same) {
            true => Verdict::NotModified,
            false => Verdict::Go,
        };
    }
    match (date(headers, header::IF_MODIFIED_SINCE), now.changed) {
        (Some(known), Some(changed)) if changed <= known => Verdict::NotModified,
        _ => Verdict::Go,
    }
}

/// Whether a range may be served: without `If-Range`, or with one that knows these very bytes
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
        return value == now.tag && is_strong(value);
    }
    let date = httpdate::parse_http_date(value).ok();
    now.settled && date.is_some() && date == now.changed
}

fn is_strong(tag: &str) -> bool {
    tag.starts_with('"')
}

/// The tags of a list over all its lines; a comma may be part of one.
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

/// A date; none if there are two or it isn't one, which are as good as none (RFC 9110 §13.1.3).
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
            tag: tag.to_owned(),
            changed: Some(UNIX_EPOCH + Duration::from_secs(1_000_000_000)),
            settled,
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
    fn conditions_are_weighed_in_their_order() {
        use Verdict::{Failed, Go, NotModified};
        let cases: [(&[(&str, &str)], Verdict); 24] = [
            (&[], Go),
            (&[("if-none-match", "\"a\"")], NotModified),
            (&[("if-none-match", "W/\"a\"")], NotModified),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"b\", \"a\"")], NotModified),
            (
                &[("if-none-match", "\"b\""), ("if-none-match", "\"a\"")],
                NotModified,
            ),
            (&[("if-none-match", "\"a,b\" , \"x\"")], Go),
            (&[("if-none-match", "a")], Go),
            (&[("if-none-match", "\"a")], Go),
            (&[("if-none-match", "")], Go),
            // It decides alone, whatever the date says.
            (
                &[("if-none-match", "\"b\""), ("if-modified-since", DATE)],
                Go,
            ),
            (&[("if-modified-since", DATE)], NotModified),
            (&[("if-modified-since", LATER)], NotModified),
            (&[("if-modified-since", EARLIER)], Go),
            (&[("if-modified-since", "yesterday")], Go),
            (
                &[("if-modified-since", DATE), ("if-modified-since", DATE)],
                Go,
            ),
            (&[("if-match", "\"a\"")], Go),
            (&[("if-match", "*")], Go),
            (&[("if-match", "\"b\"")], Failed),
            (&[("if-match", "W/\"a\"")], Failed),
            (&[("if-unmodified-since", DATE)], Go),
            (&[("if-unmodified-since", EARLIER)], Failed),
            (
                &[("if-match", "\"a\""), ("if-unmodified-since", EARLIER)],
                Go,
            ),
            (&[("if-match", "\"b\""), ("if-none-match", "\"a\"")], Failed),
        ];
        for (fields, verdict) in cases {
            let found = weigh(of(fields).headers(), &state("\"a\"", true));
            assert_eq!(found, verdict, "{fields:?}");
        }
    }

    #[test]
    fn weak_state_matches_no_strong_condition() {
        let weak = state("W/\"a\"", false);
        assert_eq!(
            weigh(of(&[("if-match", "W/\"a\"")]).headers(), &weak),
            Verdict::Failed
        );
        assert_eq!(
            weigh(of(&[("if-match", "\"a\"")]).headers(), &weak),
            Verdict::Failed
        );
        assert_eq!(
            weigh(of(&[("if-none-match", "\"a\"")]).headers(), &weak),
            Verdict::NotModified
        );
    }

    #[test]
    fn range_holds_for_the_very_same_bytes_only() {
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
}
