//! A line in Apache's formats.

use std::borrow::Cow;
use std::fmt::Display;

use crate::escape::Escaped;
use crate::outcome::End;
use crate::request::Seen;

/// As Rack's `CommonLogger` writes it.
pub(crate) fn common(seen: &Seen, end: &End) -> String {
    format!("{} {:.4}", shared(seen, end), end.took.as_secs_f64())
}

/// As Apache's `combined`.
pub(crate) fn combined(seen: &Seen, end: &End) -> String {
    let (referer, agent) = (
        dash(seen.referer.as_deref()),
        dash(seen.user_agent.as_deref()),
    );
    format!(r#"{} "{referer}" "{agent}""#, shared(seen, end))
}

/// What both begin with.
fn shared(seen: &Seen, end: &End) -> String {
    let (address, user) = (dash(seen.address.as_deref()), dash(seen.user.as_deref()));
    let now = end.time.strftime("%d/%b/%Y:%H:%M:%S %z");
    let (method, path) = (Escaped(&seen.method), Escaped(&seen.path));
    let mark = if seen.query.is_empty() { "" } else { "?" };
    let (query, protocol) = (Escaped(&seen.query), &seen.protocol);
    let status = end
        .status
        .map_or(Cow::from("-"), |status| status.as_str().to_owned().into());
    let length = match end.bytes {
        0 => "-".to_owned(),
        bytes => bytes.to_string(),
    };
    format!(
        r#"{address} - {user} [{now}] "{method} {path}{mark}{query} {protocol}" {status} {length}"#
    )
}

fn dash(text: Option<&str>) -> impl Display {
    Escaped(text.unwrap_or("-"))
}
