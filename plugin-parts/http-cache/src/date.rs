//! Dates as a cache reads them: in any case, and otherwise strictly (RFC 9110 §5.6.7, RFC 9111 §4.2).

use std::fmt::Write as _;

use crate::Timestamp;

const DAYS: [&str; 7] = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
const FULL_DAYS: [&str; 7] = [
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// A date in one of the three formats of RFC 9110. Whatever deviates in more than case is no date, so it counts as the past
/// where it should say how long something is fresh (RFC 9111 §5.3). `now` decides the century of a year with two digits.
pub fn http_date(text: &[u8], now: Timestamp) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    if !text.is_ascii() || text.len() > 40 {
        return None;
    }
    let text = text.to_ascii_lowercase();
    imf_fixdate(&text)
        .or_else(|| rfc850(&text, now))
        .or_else(|| asctime(&text))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &str) -> Option<Timestamp> {
    let (day_name, rest) = text.split_once(", ")?;
    DAYS.contains(&day_name).then_some(())?;
    let mut parts = rest.split(' ');
    let day = digits(parts.next()?, 2)?;
    let month = month(parts.next()?)?;
    let year = digits(parts.next()?, 4)?;
    let time = time(parts.next()?)?;
    zone(parts.next()?)?;
    parts.next().is_none().then_some(())?;
    timestamp(year, month, day, time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (day_name, rest) = text.split_once(", ")?;
    FULL_DAYS.contains(&day_name).then_some(())?;
    let mut parts = rest.split(' ');
    let mut date = parts.next()?.split('-');
    let day = digits(date.next()?, 2)?;
    let month = month(date.next()?)?;
    let short = digits(date.next()?, 2)?;
    date.next().is_none().then_some(())?;
    let time = time(parts.next()?)?;
    zone(parts.next()?)?;
    parts.next().is_none().then_some(())?;
    // More than 50 years in the future means the past (RFC 9110 §5.6.7).
    let this_year = year_of(now);
    let century = this_year - this_year.rem_euclid(100);
    let year = match century + short {
        year if year > this_year + 50 => year - 100,
        year => year,
    };
    timestamp(year, month, day, time)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<Timestamp> {
    let (day_name, rest) = text.split_once(' ')?;
    DAYS.contains(&day_name).then_some(())?;
    let (month_name, rest) = rest.split_once(' ')?;
    let month = month(month_name)?;
    let day = match rest.get(..2)?.strip_prefix(' ') {
        Some(day) => digits(day, 1)?,
        None => digits(rest.get(..2)?, 2)?,
    };
    let (clock, year) = rest.get(2..)?.strip_prefix(' ')?.split_once(' ')?;
    timestamp(digits(year, 4)?, month, day, time(clock)?)
}

/// A cache should refuse other zones (RFC 9111 §4.2).
fn zone(text: &str) -> Option<()> {
    matches!(text, "gmt" | "utc").then_some(())
}

fn month(text: &str) -> Option<i64> {
    let index = MONTHS.iter().position(|month| *month == text)?;
    i64::try_from(index).ok()
}

/// Seconds of a day. A leap second counts as the second before it.
fn time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let [hour, minute, second] = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(())?;
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    (hour < 24 && minute < 60 && second <= 60).then(|| hour * 3600 + minute * 60 + second.min(59))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

fn timestamp(year: i64, month: i64, day: i64, time: i64) -> Option<Timestamp> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = [
        31,
        28 + i64::from(leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let length = length.get(usize::try_from(month).ok()?)?;
    (1..=*length).contains(&day).then_some(())?;
    Some(Timestamp::from_seconds(
        days(year, month, day) * 86_400 + time,
    ))
}

/// Days since the epoch of a date of the Gregorian calendar; January is month 0.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Counted from the first of March, so that a leap day is the last of its year.
    let (year, month) = match month {
        0 | 1 => (year - 1, month + 10),
        month => (year, month - 2),
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

fn year_of(time: Timestamp) -> i64 {
    civil(time.seconds().div_euclid(86_400)).0
}

/// Year, month from 0, and day of the month.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (carry, month) = if month < 10 {
        (0, month + 2)
    } else {
        (1, month - 10)
    };
    (era * 400 + year_of_era + carry, month, day)
}

/// The date as a server writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn write_http_date(time: Timestamp) -> String {
    let (days, second) = (
        time.seconds().div_euclid(86_400),
        time.seconds().rem_euclid(86_400),
    );
    let (year, month, day) = civil(days);
    let title = |name: &str| format!("{}{}", name[..1].to_ascii_uppercase(), &name[1..3]);
    let index = |number: i64| usize::try_from(number).unwrap_or_default();
    let day_name = title(DAYS[index(days.rem_euclid(7))]);
    let month = title(MONTHS[index(month)]);
    let mut text = String::with_capacity(29);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "{day_name}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn seconds(text: &str) -> Option<i64> {
        http_date(text.as_bytes(), NOW).map(Timestamp::seconds)
    }

    #[test]
    fn three_formats_of_one_date_are_equal() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "SUN, 06 nov 1994 08:49:37 gmt",
            "Sun, 06 Nov 1994 08:49:37 UTC",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn odd_dates_are_none() {
        for text in [
            "0",
            "-1",
            "",
            "foo",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 AEST",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37 GMT, x",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun Nov 6 08:49:37 1994",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn two_digit_years_are_within_fifty_years() {
        let year = |short| {
            let text = format!("Sunday, 06-Nov-{short} 08:49:37 GMT");
            http_date(text.as_bytes(), NOW).map(year_of)
        };
        assert_eq!(year("73"), Some(2073));
        assert_eq!(year("74"), Some(1974));
        assert_eq!(year("00"), Some(2000));
    }

    #[test]
    fn written_dates_are_read_back() {
        for seconds in [0, 784_111_777, 951_782_400, 1_709_164_800, 4_102_444_799] {
            let time = Timestamp::from_seconds(seconds);
            let text = write_http_date(time);
            assert_eq!(http_date(text.as_bytes(), NOW), Some(time), "{text}");
        }
        let epoch = write_http_date(Timestamp::from_seconds(784_111_777));
        assert_eq!(epoch, "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
