//! `Age` of a received response (RFC 9111 §5.1, §4.2.3).

use crate::fields::Fields;
use crate::{Timestamp, date};

/// The largest number of seconds that a cache must know (§1.2.2).
pub(crate) const MOST_SECONDS: u64 = 1 << 31;

/// A number of seconds (§1.2.2): digits only; larger than 2^31 is 2^31.
pub(crate) fn delta_seconds(text: &[u8]) -> Option<u64> {
    let plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let add = |sum: u64, digit: &u8| (sum * 10 + u64::from(digit - b'0')).min(MOST_SECONDS);
    plain.then(|| text.iter().fold(0, add))
}

/// The value of `Age` in seconds: the first member counts, and one that is no number counts as 0 (§5.1).
pub fn age_value(fields: &impl Fields) -> u64 {
    let first = fields.first("age").unwrap_or_default();
    let first = first.split(|byte| *byte == b',').next().unwrap_or_default();
    delta_seconds(first.trim_ascii()).unwrap_or(0)
}

/// When the response was made: its `Date`, or when it came if that is missing or odd (RFC 9110 §6.6.1).
pub(crate) fn date_value(fields: &impl Fields, received: Timestamp) -> Timestamp {
    let date = fields.only("date");
    date.and_then(|text| date::http_date(text, received))
        .unwrap_or(received)
}

/// How old a response was on arrival, in milliseconds: `corrected_initial_age` (§4.2.3).
pub(crate) fn initial_age(fields: &impl Fields, sent: Timestamp, received: Timestamp) -> u64 {
    // A date has no fractions, so what is left of a second is no age.
    let apparent = received.since(date_value(fields, received)) / 1000 * 1000;
    let corrected = age_value(fields) * 1000 + received.since(sent);
    apparent.max(corrected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    fn age(lines: &[&str]) -> u64 {
        age_value(&lines.iter().map(|line| ("age", *line)).collect::<List>())
    }

    #[test]
    fn odd_age_is_zero_and_first_member_counts() {
        assert_eq!(age(&["7200"]), 7200);
        assert_eq!(age(&["0007200"]), 7200);
        assert_eq!(age(&["7200", "0"]), 7200);
        assert_eq!(age(&["0, 7200"]), 0);
        for odd in ["", "-7200", "7200.0", "7200a", "7200;a=b", "\"7200\"", "a"] {
            assert_eq!(age(&[odd]), 0, "{odd}");
        }
        assert_eq!(age(&["2147483649"]), MOST_SECONDS);
        assert_eq!(age(&["99999999999999999999999999"]), MOST_SECONDS);
    }
}
