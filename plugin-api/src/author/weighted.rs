//! A member of a weighted list (RFC 9110 §12.4.2).

/// A member of a weighted list such as `accept`, and its quality; see [`Headers::weighted`].
///
/// [`Headers::weighted`]: crate::Headers::weighted
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Weighted<'a> {
    /// The member without its weight, with its other parameters. `*` matches anything.
    pub value: &'a str,
    /// The weight in thousandths, from 0 (not acceptable) to 1000.
    pub quality: u16,
}

impl<'a> Weighted<'a> {
    /// Parses a member; `None` if it is empty or its weight is invalid.
    pub fn parse(member: &'a str) -> Option<Self> {
        let weight = |part: &str| {
            let (name, value) = part.split_once('=')?;
            (name.trim().eq_ignore_ascii_case("q")).then(|| thousandths(value.trim()))
        };
        let mut end = 0;
        for part in member.split(';') {
            if let Some(quality) = weight(part) {
                // The `;` before the weight is not part of the value.
                let value = member[..end.max(1) - 1].trim();
                let quality = quality?;
                return (!value.is_empty()).then_some(Self { value, quality });
            }
            end += part.len() + 1;
        }
        let (value, quality) = (member.trim(), 1000);
        (!value.is_empty()).then_some(Self { value, quality })
    }
}

/// A `qvalue` in thousandths.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let digits = places.len() <= 3 && places.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(whole, "0" | "1") || !digits {
        return None;
    }
    let value: u16 = format!("{whole}{places:0<3}").parse().ok()?;
    (value <= 1000).then_some(value)
}
