//! Sizes as a manifest writes them: `65536`, `"64KiB"`, `"10MB"`.

const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("B", 1),
];

/// The number of bytes written as `text`; units in any case.
pub(super) fn parse(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start();
    let (_, scale) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*scale)
}

/// `bytes` in the largest binary unit that divides it.
pub(super) fn show(bytes: u64) -> String {
    let binary = UNITS.iter().filter(|(name, _)| name.ends_with("iB"));
    match binary
        .into_iter()
        .find(|(_, scale)| bytes != 0 && bytes.is_multiple_of(*scale))
    {
        Some((name, scale)) => format!("{}{name}", bytes / scale),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_units_are_binary_or_decimal() {
        assert_eq!(parse("64KiB"), Some(65_536));
        assert_eq!(parse("64 kib"), Some(65_536));
        assert_eq!(parse("10MB"), Some(10_000_000));
        assert_eq!(parse("7B"), Some(7));
        assert_eq!(show(10 << 20), "10MiB");
        assert_eq!(show(1001), "1001 bytes");
    }

    #[test]
    fn ambiguous_size_is_rejected() {
        for text in [
            "",
            "64",
            "64K",
            "64M",
            "1.5MiB",
            "-1B",
            "MiB",
            "99999999TiB",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
