//! Parts of a stored response (RFC 9111 §3.3, RFC 9110 §14).

use crate::Timestamp;
use crate::fields::Fields;
use crate::validator::if_range_holds;

/// The value of `Content-Range`: the positions of the first and the last byte, and the whole length if it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
    /// The length of the whole.
    pub complete: Option<u64>,
}

/// What a request gets of a stored whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeOutcome {
    /// All of it.
    Whole,
    /// These bytes, the last one included.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// 416.
    Unsatisfiable,
}

/// Reads `bytes 0-4/10` or `bytes 0-4/*`.
pub fn content_range(text: &[u8]) -> Option<ContentRange> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (range, complete) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let complete = match complete.trim() {
        "*" => None,
        complete => Some(number(complete)?),
    };
    let valid = first <= last && complete.is_none_or(|complete| last < complete);
    valid.then_some(ContentRange {
        first,
        last,
        complete,
    })
}

/// What a GET gets of a stored 200 of `length` bytes. Several ranges, other units and odd ones are ignored, as a server may
/// (RFC 9110 §14.2).
pub fn requested_range(
    request: &impl Fields,
    stored: &impl Fields,
    length: u64,
    now: Timestamp,
) -> RangeOutcome {
    let Some(range) = request.only("range").and_then(one_range) else {
        return RangeOutcome::Whole;
    };
    if let Some(condition) = request.first("if-range")
        && !if_range_holds(condition, stored, now)
    {
        return RangeOutcome::Whole;
    }
    let end = length.saturating_sub(1);
    match range {
        (Some(first), _) if first >= length => RangeOutcome::Unsatisfiable,
        (Some(first), last) => RangeOutcome::Part {
            first,
            last: last.unwrap_or(end).min(end),
        },
        (None, Some(0)) => RangeOutcome::Unsatisfiable,
        (None, Some(_)) if length == 0 => RangeOutcome::Unsatisfiable,
        (None, Some(suffix)) => RangeOutcome::Part {
            first: length.saturating_sub(suffix),
            last: end,
        },
        (None, None) => RangeOutcome::Whole,
    }
}

/// One range of bytes: `2-5`, `2-` or `-5`.
fn one_range(text: &[u8]) -> Option<(Option<u64>, Option<u64>)> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (unit, range) = text.split_once('=')?;
    unit.eq_ignore_ascii_case("bytes").then_some(())?;
    let (first, last) = range.trim().split_once('-')?;
    let part = |text: &str| match text.trim() {
        "" => Some(None),
        text => number(text).map(Some),
    };
    let (first, last) = (part(first)?, part(last)?);
    match (first, last) {
        (None, None) => None,
        (Some(first), Some(last)) if last < first => None,
        range => Some(range),
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    const DAY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn asked(request: &[(&str, &str)], length: u64) -> RangeOutcome {
        let request: List = request.iter().copied().collect();
        let stored: List = [
            ("etag", "\"a\""),
            ("last-modified", DAY),
            ("date", "Sun, 06 Nov 1994 08:49:38 GMT"),
        ]
        .into_iter()
        .collect();
        requested_range(&request, &stored, length, Timestamp::from_seconds(0))
    }

    #[test]
    fn first_last_open_and_suffix_ranges() {
        let of = |range| asked(&[("range", range)], 10);
        let part = |first, last| RangeOutcome::Part { first, last };
        assert_eq!(of("bytes=2-5"), part(2, 5));
        assert_eq!(of("Bytes=2-"), part(2, 9));
        assert_eq!(of("bytes=-3"), part(7, 9));
        assert_eq!(of("bytes=-30"), part(0, 9));
        assert_eq!(of("bytes=5-500"), part(5, 9));
        assert_eq!(of("bytes=10-"), RangeOutcome::Unsatisfiable);
        assert_eq!(of("bytes=-0"), RangeOutcome::Unsatisfiable);
        for whole in [
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=1-2",
            "bytes=-",
            "bytes=+1-2",
        ] {
            assert_eq!(of(whole), RangeOutcome::Whole, "{whole}");
        }
        assert_eq!(
            asked(&[("range", "bytes=-1")], 0),
            RangeOutcome::Unsatisfiable
        );
    }

    #[test]
    fn if_range_needs_the_same_strong_validator() {
        let of = |condition| asked(&[("range", "bytes=0-1"), ("if-range", condition)], 10);
        let part = RangeOutcome::Part { first: 0, last: 1 };
        assert_eq!(of("\"a\""), part);
        assert_eq!(of(DAY), part);
        for other in ["W/\"a\"", "\"b\"", "Mon, 07 Nov 1994 08:49:37 GMT", "x"] {
            assert_eq!(of(other), RangeOutcome::Whole, "{other}");
        }
    }

    #[test]
    fn content_range_must_be_one_valid_range() {
        let of = |text: &str| content_range(text.as_bytes());
        let range = |first, last, complete| ContentRange {
            first,
            last,
            complete,
        };
        assert_eq!(of("bytes 0-4/10"), Some(range(0, 4, Some(10))));
        assert_eq!(of("bytes 0-4/*"), Some(range(0, 4, None)));
        for odd in [
            "bytes */10",
            "bytes 4-0/10",
            "bytes 0-10/10",
            "0-4/10",
            "bytes 0-4",
        ] {
            assert_eq!(of(odd), None, "{odd}");
        }
    }
}
