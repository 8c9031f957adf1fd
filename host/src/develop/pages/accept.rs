//! The page format that a client prefers (RFC 9110 §12.5.1).

use http::{HeaderMap, header};
use stackup_plugin::Weighted;

/// The format of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageFormat {
    Html,
    Json,
    Text,
}

/// The format with the highest quality; text if the request does not say.
pub(super) fn preferred(headers: &HeaderMap) -> PageFormat {
    let kinds = [
        (PageFormat::Text, "text/plain"),
        (PageFormat::Html, "text/html"),
        (PageFormat::Json, "application/json"),
    ];
    let mut best = (PageFormat::Text, 0);
    for (kind, name) in kinds {
        let quality = quality(headers, name);
        // `*/*` prefers none: text stays.
        if quality > best.1 {
            best = (kind, quality);
        }
    }
    best.0
}

/// The quality of a media type in thousandths, from the most specific range that matches it.
fn quality(headers: &HeaderMap, wanted: &str) -> u16 {
    let lines = headers.get_all(header::ACCEPT).iter();
    let ranges = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let group = wanted.split('/').next().unwrap_or_default();
    let mut most_specific = (0, 0);
    for range in ranges.filter_map(Weighted::parse) {
        let name = range.value.split(';').next().unwrap_or_default();
        let name = name.trim().to_ascii_lowercase();
        let specificity = match name.strip_suffix("/*") {
            _ if name == wanted => 3,
            Some("*") => 1,
            Some(prefix) if prefix == group => 2,
            _ => continue,
        };
        if specificity > most_specific.0 {
            most_specific = (specificity, range.quality);
        }
    }
    most_specific.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_html_programs_json_and_others_text() {
        let kind = |accept: &str| {
            preferred(&HeaderMap::from_iter([(
                header::ACCEPT,
                accept.parse().unwrap(),
            )]))
        };
        assert_eq!(preferred(&HeaderMap::new()), PageFormat::Text);
        assert_eq!(kind("*/*"), PageFormat::Text);
        assert_eq!(
            kind("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            PageFormat::Html
        );
        assert_eq!(kind("application/json, text/plain, */*"), PageFormat::Text);
        assert_eq!(kind("application/json"), PageFormat::Json);
        assert_eq!(kind("application/json, text/html;q=0.5"), PageFormat::Json);
        assert_eq!(kind("text/html;q=0, */*"), PageFormat::Text);
        assert_eq!(kind("image/png"), PageFormat::Text);
    }
}
