//! Durations as a manifest writes them: `"500ms"`, `"30s"`, `"2m"`, `"1h"`.

use std::time::Duration;

/// The duration written as `text`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit.trim_start() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}

/// `duration` in the largest unit that divides it.
pub(super) fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_duration_parses_back() {
        for text in ["0s", "500ms", "1500ms", "30s", "90s", "2m", "1h", "36h"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn duration_without_known_unit_is_rejected() {
        for text in [
            "",
            "30",
            "s",
            "30 sec",
            "1.5s",
            "-1s",
            "1h30m",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format!("{}h", u64::MAX)), None);
    }
}
