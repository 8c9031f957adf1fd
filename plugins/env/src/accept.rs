//! Choosing between two media types by `Accept` (RFC 9110 §12.5.1).

use stackup_plugin::header::ACCEPT;
use stackup_plugin::{Headers, Weighted};

/// How many media ranges are read.
const MAX_RANGES: usize = 32;

/// A form of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Html,
}

/// The preferred form; JSON if both are preferred equally, none if neither is acceptable.
pub(crate) fn choose(headers: Headers<'_>) -> Option<Form> {
    let ranges = headers.weighted(ACCEPT, MAX_RANGES).into_iter();
    let ranges: Vec<Range> = ranges.filter_map(Range::parse).collect();
    if ranges.is_empty() {
        return Some(Form::Json);
    }
    let [json, html] =
        [("application", "json"), ("text", "html")].map(|wanted| quality(&ranges, wanted));
    match (json, html) {
        (0, 0) => None,
        _ if html > json => Some(Form::Html),
        _ => Some(Form::Json),
    }
}

/// The quality in thousandths: the most specific range decides.
fn quality(ranges: &[Range], wanted: (&str, &str)) -> u16 {
    ranges
        .iter()
        .filter_map(|range| Some((range.specificity(wanted)?, range.quality)))
        .max()
        .map_or(0, |(_, quality)| quality)
}

struct Range {
    kind: String,
    subtype: String,
    quality: u16,
}

impl Range {
    /// Parses a media range; none if it is malformed or has a parameter that neither form has.
    fn parse(range: Weighted<'_>) -> Option<Self> {
        let mut parts = range.value.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        for parameter in parts {
            let (name, value) = parameter.split_once('=')?;
            let is_ours = name.trim().eq_ignore_ascii_case("charset")
                && value.trim_matches('"').eq_ignore_ascii_case("utf-8");
            if !is_ours {
                return None;
            }
        }
        Some(Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            quality: range.quality,
        })
    }

    /// How specific the range is, if it matches.
    fn specificity(&self, (kind, subtype): (&str, &str)) -> Option<u8> {
        match (self.kind.as_str(), self.subtype.as_str()) {
            ("*", "*") => Some(0),
            (k, "*") if k == kind => Some(1),
            (k, s) if k == kind && s == subtype => Some(2),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use stackup_plugin::{Response, StatusCode};

    use super::*;

    #[test]
    fn preferred_form_is_chosen() {
        let cases = [
            ("*/*", Some(Form::Json)),
            ("text/html", Some(Form::Html)),
            ("TEXT/HTML", Some(Form::Html)),
            ("text/*", Some(Form::Html)),
            ("application/*", Some(Form::Json)),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Some(Form::Html),
            ),
            ("text/html, application/json", Some(Form::Json)),
            ("text/html;q=0.5, application/json;q=0.4", Some(Form::Html)),
            (
                "text/html;q=0.5, application/json;q=0.501",
                Some(Form::Json),
            ),
            ("text/html;q=0, */*", Some(Form::Json)),
            ("application/json; q=0 , */* ; q=0.1", Some(Form::Html)),
            (
                "text/*, text/html;q=0.1, application/json;q=0.2",
                Some(Form::Json),
            ),
            ("text/html;charset=utf-8", Some(Form::Html)),
            (
                "text/html;level=1, application/json;q=0.1",
                Some(Form::Json),
            ),
            ("image/png", None),
            ("*/*;q=0", None),
            ("nonsense", Some(Form::Json)),
            ("text/html;q=2, application/json;q=0.1", Some(Form::Json)),
        ];
        for (accept, form) in cases {
            let res = Response::new(StatusCode::OK)
                .with_header("accept", accept)
                .unwrap();
            assert_eq!(choose(res.headers()), form, "{accept}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let mut res = Response::new(StatusCode::OK);
        assert_eq!(choose(res.headers()), Some(Form::Json));
        res.headers_mut()
            .append("accept", "application/json;q=0.5")
            .unwrap();
        res.headers_mut().append("accept", "text/html").unwrap();
        assert_eq!(choose(res.headers()), Some(Form::Html));
    }
}
