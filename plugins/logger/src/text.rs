//! A line in Apache's formats.

use std::borrow::Cow;
use std::fmt::Display;

use log_text::Quoted;

use crate::outcome::Outcome;
use crate::request::LoggedRequest;

/// As Rack's `CommonLogger` writes it.
pub(crate) fn common(request: &LoggedRequest, outcome: &Outcome) -> String {
    format!(
        "{} {:.4}",
        shared(request, outcome),
        outcome.took.as_secs_f64()
    )
}

/// As Apache's `combined`.
pub(crate) fn combined(request: &LoggedRequest, outcome: &Outcome) -> String {
    let (referer, agent) = (
        dash(request.referer.as_deref()),
        dash(request.user_agent.as_deref()),
    );
    format!(r#"{} "{referer}" "{agent}""#, shared(request, outcome))
}

/// The common start of both.
fn shared(request: &LoggedRequest, outcome: &Outcome) -> String {
    let (address, user) = (
        dash(request.address.as_deref()),
        dash(request.user.as_deref()),
    );
    let now = outcome.time.strftime("%d/%b/%Y:%H:%M:%S %z");
    let (method, path) = (Quoted(&request.method), Quoted(&request.path));
    let mark = if request.query.is_empty() { "" } else { "?" };
    let (query, protocol) = (Quoted(&request.query), &request.protocol);
    let status = outcome
        .status
        .map_or(Cow::from("-"), |status| status.as_str().to_owned().into());
    let length = match outcome.bytes {
        0 => "-".to_owned(),
        bytes => bytes.to_string(),
    };
    format!(
        r#"{address} - {user} [{now}] "{method} {path}{mark}{query} {protocol}" {status} {length}"#
    )
}

fn dash(text: Option<&str>) -> impl Display {
    Quoted(text.unwrap_or("-"))
}
