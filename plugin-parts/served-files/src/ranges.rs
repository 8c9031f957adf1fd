//! Byte ranges (RFC 9110 §14).

use std::ops::Range;

use stackup_plugin::{Headers, header};

/// With more ranges than this, the header is ignored.
const MAX_RANGES: usize = 100;

/// What a `Range` header asks of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestedRange {
    /// All of it: there is no `Range` header, or it is ignored.
    Whole,
    /// These, in this order; at least one, none of them empty.
    Ranges(Vec<Range<u64>>),
    /// 416.
    Unsatisfiable,
}

/// Parses the `Range` header for a representation of `length` bytes.
pub(crate) fn requested_range(headers: Headers<'_>, length: u64) -> RequestedRange {
    let mut values = headers.get_all(header::RANGE);
    let value = values.next().and_then(|value| value.to_str());
    match value.filter(|_| values.next().is_none() && length > 0) {
        Some(value) => parse(value, length).unwrap_or(RequestedRange::Whole),
        None => RequestedRange::Whole,
    }
}

/// None if this is not a set of byte ranges, which is ignored (RFC 9110 §14.2).
fn parse(value: &str, length: u64) -> Option<RequestedRange> {
    let (unit, set) = value.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let specs = set.split(',').map(|spec| spec.trim_matches([' ', '\t']));
    let specs: Vec<&str> = specs
        .filter(|spec| !spec.is_empty())
        .take(MAX_RANGES + 1)
        .collect();
    if specs.is_empty() || specs.len() > MAX_RANGES {
        return None;
    }
    let mut ranges = Vec::with_capacity(specs.len());
    for spec in specs {
        let range = parse_one(spec, length)?;
        ranges.extend(Some(range).filter(|range| !range.is_empty()));
    }
    // Ranges longer than the file overlap, which is an attack (§17.15).
    let mut lengths = ranges.iter().map(|range| range.end - range.start);
    let sum = lengths.try_fold(0, u64::checked_add);
    if ranges.is_empty() || sum.is_none_or(|sum| sum > length) {
        return Some(RequestedRange::Unsatisfiable);
    }
    Some(RequestedRange::Ranges(ranges))
}

/// One range, clamped; empty if unsatisfiable, none if malformed.
fn parse_one(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?.min(length);
        return Some(length - suffix..length);
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(first.min(length)..length);
    }
    let last = number(last)?;
    if last < first {
        return None;
    }
    Some(first.min(length)..last.saturating_add(1).min(length))
}

/// Decimal digits; saturates.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "one range is what is meant"
)]
mod tests {
    use stackup_plugin::{Response, StatusCode};

    use super::*;

    fn of(value: &str, length: u64) -> RequestedRange {
        let res = Response::new(StatusCode::OK)
            .with_header("range", value)
            .unwrap();
        requested_range(res.headers(), length)
    }

    #[test]
    fn ranges_are_clamped_and_keep_their_order() {
        let cases: [(&str, &[Range<u64>]); 12] = [
            ("bytes=0-0", &[0..1]),
            ("bytes=0-", &[0..10]),
            ("bytes=3-5", &[3..6]),
            ("bytes=3-99", &[3..10]),
            ("bytes=-3", &[7..10]),
            ("bytes=-99", &[0..10]),
            ("BYTES=9-", &[9..10]),
            ("bytes= 1-2 , 5-6", &[1..3, 5..7]),
            ("bytes=,8-9,,0-1,", &[8..10, 0..2]),
            ("bytes=0-4,2-6", &[0..5, 2..7]),
            ("bytes=0-1,10-12,-0", &[0..2]),
            ("bytes=0-99999999999999999999999", &[0..10]),
        ];
        for (value, ranges) in cases {
            assert_eq!(
                of(value, 10),
                RequestedRange::Ranges(ranges.to_vec()),
                "{value}"
            );
        }
    }

    #[test]
    fn malformed_range_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-3",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1 - 2",
            "lines=0-1",
            "bytes=0-1;x",
            "0-1",
            "bytes=0x0-1",
            "bytes=0-1,5-3",
            "bytes==0-1",
        ] {
            assert_eq!(of(value, 10), RequestedRange::Whole, "{value}");
        }
        assert_eq!(of("bytes=0-1", 0), RequestedRange::Whole);
        let mut twice = Response::new(StatusCode::OK);
        twice.headers_mut().append("range", "bytes=0-0").unwrap();
        twice.headers_mut().append("range", "bytes=1-1").unwrap();
        assert_eq!(requested_range(twice.headers(), 10), RequestedRange::Whole);
    }

    #[test]
    fn range_behind_the_end_is_unsatisfiable() {
        for value in [
            "bytes=10-",
            "bytes=-0",
            "bytes=99-100,50-",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(of(value, 10), RequestedRange::Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn overlapping_ranges_are_bounded() {
        assert_eq!(of("bytes=0-,0-,0-,0-", 10), RequestedRange::Unsatisfiable);
        assert_eq!(of("bytes=0-9,9-9", 10), RequestedRange::Unsatisfiable);
        let many = format!("bytes={}", ["0-0"; MAX_RANGES].join(","));
        assert_eq!(of(&many, 99), RequestedRange::Unsatisfiable);
        assert_eq!(
            of(&many, 100),
            RequestedRange::Ranges(vec![0..1; MAX_RANGES])
        );
        let too_many = format!("bytes={}", ["0-0"; MAX_RANGES + 1].join(","));
        assert_eq!(of(&too_many, 1 << 40), RequestedRange::Whole);
        let sum = format!("bytes={}", ["0-18446744073709551615"; 3].join(","));
        assert_eq!(of(&sum, u64::MAX), RequestedRange::Unsatisfiable);
    }
}
