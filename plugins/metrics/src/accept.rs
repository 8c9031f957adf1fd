//! Whether a scraper prefers OpenMetrics (RFC 9110 §12.5.1).

use stackup_plugin::header::ACCEPT;
use stackup_plugin::{Headers, Weighted};

/// How many media ranges are read.
const MAX_RANGES: usize = 32;

/// Whether OpenMetrics 1.0 is asked for by name, and text is not preferred. Whoever asks for neither gets text: a person with a
/// browser can read it, and each scraper.
pub(crate) fn accepts_open_metrics(headers: Headers<'_>) -> bool {
    let ranges = headers.weighted(ACCEPT, MAX_RANGES);
    let quality = |kind: &str| {
        let named = ranges.iter().filter(|range| is_kind(range, kind));
        named.map(|range| range.quality).max().unwrap_or_default()
    };
    let open_metrics = quality("application/openmetrics-text");
    open_metrics > 0 && open_metrics >= quality("text/plain")
}

/// Whether it names this kind, in a version that we have or in any.
fn is_kind(range: &Weighted<'_>, kind: &str) -> bool {
    let mut parts = range.value.split(';').map(str::trim);
    let is_named = parts
        .next()
        .is_some_and(|named| named.eq_ignore_ascii_case(kind));
    is_named
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => ["1.0.0", "0.0.4"].contains(&value),
                "charset" => value.eq_ignore_ascii_case("utf-8"),
                // Such as how names are escaped: ours need no escape.
                _ => true,
            }
        })
}

#[cfg(test)]
mod tests {
    use stackup_plugin::{Response, StatusCode};

    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_prefer_it() {
        // As Prometheus 2 and 3 ask.
        let two = "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let three = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.2";
        let cases = [
            (two, true),
            (three, true),
            ("application/openmetrics-text", true),
            (
                "Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=UTF-8",
                true,
            ),
            ("application/openmetrics-text;version=0.0.1", false),
            ("application/openmetrics-text;q=0", false),
            (
                "application/openmetrics-text;q=0.2, text/plain;q=0.5",
                false,
            ),
            ("text/plain", false),
            ("*/*", false),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;q=0.7, text/plain;q=0.1",
                false,
            ),
        ];
        for (accept, open_metrics) in cases {
            let res = Response::new(StatusCode::OK);
            let res = res.with_header("accept", accept).unwrap();
            assert_eq!(
                accepts_open_metrics(res.headers()),
                open_metrics,
                "{accept}"
            );
        }
        let none = Response::new(StatusCode::OK);
        assert!(!accepts_open_metrics(none.headers()));
    }
}
