//! What kind of page a client wants (RFC 9110 §12.5.1).

use http::{HeaderMap, header};
use stackup_plugin::Weighted;

/// A kind of page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Json,
    Text,
}

/// The kind that is wanted most; text where nothing says otherwise.
pub(super) fn wanted(headers: &HeaderMap) -> Kind {
    let kinds = [
        (Kind::Text, "text/plain"),
        (Kind::Html, "text/html"),
        (Kind::Json, "application/json"),
    ];
    let mut best = (Kind::Text, 0);
    for (kind, name) in kinds {
        let quality = quality(headers, name);
        // `*/*` wants no kind more than another: then it is text.
        if quality > best.1 {
            best = (kind, quality);
        }
    }
    best.0
}

/// How much a media type is wanted, in thousandths; the range that names it most closely decides.
fn quality(headers: &HeaderMap, wanted: &str) -> u16 {
    let lines = headers.get_all(header::ACCEPT).iter();
    let ranges = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let group = wanted.split('/').next().unwrap_or_default();
    let mut closest = (0, 0);
    for range in ranges.filter_map(Weighted::parse) {
        let name = range.value.split(';').next().unwrap_or_default();
        let name = name.trim().to_ascii_lowercase();
        let closeness = match name.strip_suffix("/*") {
            _ if name == wanted => 3,
            Some("*") => 1,
            Some(prefix) if prefix == group => 2,
            _ => continue,
        };
        if closeness > closest.0 {
            closest = (closeness, range.quality);
        }
    }
    closest.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_gets_html_a_program_json_and_a_person_text() {
        let kind = |accept: &str| {
            wanted(&HeaderMap::from_iter([(
                header::ACCEPT,
                accept.parse().unwrap(),
            )]))
        };
        assert_eq!(wanted(&HeaderMap::new()), Kind::Text);
        assert_eq!(kind("*/*"), Kind::Text);
        assert_eq!(
            kind("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            Kind::Html
        );
        assert_eq!(kind("application/json, text/plain, */*"), Kind::Text);
        assert_eq!(kind("application/json"), Kind::Json);
        assert_eq!(kind("application/json, text/html;q=0.5"), Kind::Json);
        assert_eq!(kind("text/html;q=0, */*"), Kind::Text);
        assert_eq!(kind("image/png"), Kind::Text);
    }
}
