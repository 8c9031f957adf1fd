//! Whether a client accepts HTML (RFC 9110 §12.5.1).

use stackup_plugin::Headers;
use stackup_plugin::header::ACCEPT;

/// How many media ranges are read.
const MAX_RANGES: usize = 32;

/// Whether the client accepts HTML; the most specific range decides. Without `Accept` it gets text.
pub(crate) fn html(headers: Headers<'_>) -> bool {
    let ranges = headers.weighted(ACCEPT, MAX_RANGES);
    ["text/html", "text/*", "*/*"]
        .iter()
        .find_map(|wanted| {
            let essence = |value: &str| {
                let essence = value.split(';').next().unwrap_or_default();
                essence.trim().eq_ignore_ascii_case(wanted)
            };
            let found = ranges.iter().find(|range| essence(range.value));
            found.map(|range| range.quality > 0)
        })
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use stackup_plugin::{Response, StatusCode};

    use super::*;

    #[test]
    fn most_specific_range_decides() {
        let cases = [
            ("text/html", true),
            ("*/*", true),
            ("text/*;q=0.1", true),
            ("TEXT/HTML;charset=utf-8", true),
            ("application/json, */*;q=0.1", true),
            ("application/json", false),
            ("text/html;q=0, */*", false),
            ("text/plain", false),
            ("*/*;q=0", false),
            ("", false),
        ];
        for (accept, expected) in cases {
            let res = Response::new(StatusCode::OK)
                .with_header(ACCEPT, accept)
                .unwrap();
            assert_eq!(html(res.headers()), expected, "{accept}");
        }
        assert!(!html(Response::new(StatusCode::OK).headers()));
    }
}
