//! A middleware that responds with 304 to clients that already have the content: `Rack::ConditionalGet`.

#![forbid(unsafe_code)]

mod tags;

use std::time::SystemTime;

use stackup_plugin::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use stackup_plugin::{Body, HeaderName, Headers, Next, Request, Response, Result, StatusCode};

use self::tags::IfNoneMatch;

async fn conditional_get(req: Request, next: Next<'_>) -> Result {
    let condition = Condition::of(&req);
    let mut res = next.run(req).await?;
    if res.status() == StatusCode::OK && condition.is_some_and(|condition| condition.holds(&res)) {
        not_modified(&mut res);
    }
    Ok(res)
}

/// The condition of a request (RFC 9110 §13.2.2, steps 3 and 4).
enum Condition {
    Tags(IfNoneMatch),
    Since(SystemTime),
}

impl Condition {
    fn of(req: &Request) -> Option<Self> {
        if !["GET", "HEAD", "QUERY"].contains(&req.method().as_str()) {
            return None;
        }
        // If-None-Match overrides dates, even if it is malformed (§13.1.3).
        if req.headers().contains(IF_NONE_MATCH) {
            let lines = req.headers().get_all(IF_NONE_MATCH);
            let lines: Vec<_> = lines.map(|line| line.as_bytes()).collect();
            return Some(Self::Tags(IfNoneMatch::parse(&lines.join(&b", "[..]))));
        }
        date(req.headers(), IF_MODIFIED_SINCE).map(Self::Since)
    }

    /// Whether the client already has this content.
    fn holds(&self, res: &Response) -> bool {
        match self {
            Self::Tags(tags) => tags.include(res.headers().get(ETAG)),
            Self::Since(then) => date(res.headers(), LAST_MODIFIED).is_some_and(|at| at <= *then),
        }
    }
}

/// A date; none if it is malformed or occurs twice.
fn date(headers: Headers<'_>, name: HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name);
    let date = httpdate::parse_http_date(values.next()?.to_str()?).ok()?;
    values.next().is_none().then_some(date)
}

/// Turns a response into a 304, without the body and the headers that describe it (§15.4.5).
fn not_modified(res: &mut Response) {
    res.set_status(StatusCode::NOT_MODIFIED);
    for name in [
        CONTENT_TYPE,
        CONTENT_LENGTH,
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
    ] {
        res.headers_mut().remove(name);
    }
    res.set_body(Body::empty());
}

stackup_plugin::export!(middleware fn conditional_get as "conditional-get");

#[cfg(test)]
mod tests;
