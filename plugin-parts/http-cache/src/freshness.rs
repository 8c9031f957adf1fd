//! How long a response is fresh (RFC 9111 §4.2.1, §4.2.2).

use crate::age::date_value;
use crate::control::{ResponseControl, Source};
use crate::fields::Fields;
use crate::{Timestamp, date};

/// How long a response is fresh, counted from when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Milliseconds.
    pub milliseconds: u64,
    /// Where it comes from.
    pub source: LifetimeSource,
}

/// What says how long a response is fresh, in the order in which they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifetimeSource {
    /// `s-maxage` (§5.2.2.10).
    SMaxage,
    /// `max-age` (§5.2.2.1).
    MaxAge,
    /// `Expires` (§5.3).
    Expires,
    /// A part of the time since `Last-Modified` (§4.2.2).
    Heuristic,
    /// Nothing: it is stale at once, and may only be used after validation.
    Nothing,
}

/// How a lifetime is guessed from `Last-Modified` (§4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heuristic {
    /// Per cent of the time since the last change.
    pub percent: u64,
    /// The longest guess, in seconds.
    pub most_seconds: u64,
}

/// The lifetime that the origin states.
pub(crate) fn explicit(
    fields: &impl Fields,
    control: &ResponseControl,
    received: Timestamp,
) -> Option<Lifetime> {
    let of = |seconds: u64, source| Lifetime {
        milliseconds: seconds * 1000,
        source,
    };
    if let Some(seconds) = control.s_maxage() {
        return Some(of(seconds, LifetimeSource::SMaxage));
    }
    if let Some(seconds) = control.max_age() {
        return Some(of(seconds, LifetimeSource::MaxAge));
    }
    if control.source == Source::Targeted || !fields.has("expires") {
        return None;
    }
    // Several lines, or one that is no date, are in the past (§4.2.1, §5.3).
    let expires = fields.only("expires");
    let expires = expires.and_then(|text| date::http_date(text, received));
    let lifetime = expires.map_or(0, |at| at.since(date_value(fields, received)));
    Some(of(lifetime / 1000, LifetimeSource::Expires))
}

/// The guess for a response that states nothing.
pub(crate) fn heuristic(
    fields: &impl Fields,
    rule: Option<Heuristic>,
    received: Timestamp,
) -> Option<Lifetime> {
    let rule = rule?;
    let modified = fields.only("last-modified")?;
    let modified = date::http_date(modified, received)?;
    let unchanged = date_value(fields, received).since(modified);
    let guess = (unchanged / 100 * rule.percent).min(rule.most_seconds.saturating_mul(1000));
    (guess > 0).then_some(Lifetime {
        milliseconds: guess,
        source: LifetimeSource::Heuristic,
    })
}

/// The status codes for which a lifetime may be guessed (RFC 9110 §15.1).
pub(crate) fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}
