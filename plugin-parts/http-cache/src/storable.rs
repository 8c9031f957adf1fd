//! Whether a response may be stored (RFC 9111 §3).

use crate::control::ResponseControl;
use crate::fields::Fields;
use crate::freshness::{self, Heuristic, Lifetime, LifetimeSource};
use crate::policy::{Policy, Times};
use crate::range::{ContentRange, content_range};
use crate::request_control::RequestControl;
use crate::rule::Rule;
use crate::target::Origin;
use crate::validator::Validators;
use crate::vary::Vary;

/// What this cache chooses where the rules leave it a choice.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Targeted fields in their order, in lower case (RFC 9213).
    pub targeted: &'a [&'a str],
    /// How a lifetime is guessed; `None` guesses none.
    pub heuristic: Option<Heuristic>,
}

/// A request and its response, as they are when the response comes.
#[derive(Debug)]
pub struct Storing<'a, Q, S> {
    /// The method.
    pub method: &'a str,
    /// The origin that the request is for.
    pub origin: &'a Origin<'a>,
    /// Path and query.
    pub target: &'a str,
    /// The request's fields.
    pub request: &'a Q,
    /// The status of the response.
    pub status: u16,
    /// The response's fields.
    pub response: &'a S,
    /// When they were sent and came.
    pub times: Times,
}

/// Why a response is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStored {
    /// Responses to this method are not.
    Method,
    /// A POST without freshness, or for another resource.
    Post,
    /// It is not final.
    Interim,
    /// A 304 is about a response of the client's.
    NotModified,
    /// Its status says so.
    Status,
    /// `must-understand`, and the status is unknown.
    MustUnderstand,
    /// `no-store` in the request.
    RequestNoStore,
    /// `no-store` in the response.
    NoStore,
    /// `private`.
    Private,
    /// The request has `Authorization`, and the response does not permit it.
    Authorization,
    /// `Vary: *`.
    VaryAny,
    /// A 206 without a usable `Content-Range`.
    Part,
    /// Nothing says how long it is fresh.
    NoFreshness,
    /// It has a cookie, as its request may have, and its lifetime would be a guess.
    Cookie,
    /// It is stale, and nothing allows its use or its validation.
    Useless,
}

/// Whether the response of `exchange` may be stored, and what is then known of it.
///
/// # Errors
///
/// The first rule that forbids it.
pub fn storable<Q: Fields, S: Fields>(
    exchange: &Storing<'_, Q, S>,
    options: &Options<'_>,
) -> Result<(Policy, ResponseControl), NotStored> {
    let Storing {
        request,
        response,
        times,
        ..
    } = *exchange;
    let control = ResponseControl::of(response, options.targeted);
    let explicit = freshness::explicit(response, &control, times.received);
    allowed_status(exchange, &control)?;
    allowed_method(exchange, explicit)?;
    // A known status turns `no-store` off beside `must-understand` (§5.2.2.3).
    if control.no_store && !control.must_understand {
        return Err(NotStored::NoStore);
    }
    if RequestControl::of(request).no_store {
        return Err(NotStored::RequestNoStore);
    }
    if control.private {
        return Err(NotStored::Private);
    }
    if request.has("authorization") && !control.shares_authorized() {
        return Err(NotStored::Authorization);
    }
    if Vary::of(response) == Vary::Any {
        return Err(NotStored::VaryAny);
    }
    let lifetime = lifetime(exchange, &control, explicit, options)?;
    let policy = Policy::new(response, &control, lifetime, times);
    let usable = policy.useful_for(times.received) > 0 && !policy.no_cache;
    if !usable && Validators::of(response).is_empty() {
        return Err(NotStored::Useless);
    }
    Ok((policy, control))
}

fn allowed_status<Q: Fields, S: Fields>(
    exchange: &Storing<'_, Q, S>,
    control: &ResponseControl,
) -> Result<(), NotStored> {
    match exchange.status {
        ..200 => Err(NotStored::Interim),
        304 => Err(NotStored::NotModified),
        // RFC 6585 says so for each.
        428 | 429 | 431 | 511 => Err(NotStored::Status),
        206 if part(exchange.response).is_none() => Err(NotStored::Part),
        status if control.must_understand && !understands(status) => Err(NotStored::MustUnderstand),
        _ => Ok(()),
    }
}

fn part(response: &impl Fields) -> Option<ContentRange> {
    content_range(response.only("content-range")?)
}

fn allowed_method<Q: Fields, S: Fields>(
    exchange: &Storing<'_, Q, S>,
    explicit: Option<Lifetime>,
) -> Result<(), NotStored> {
    match exchange.method {
        "GET" => Ok(()),
        // It answers a later GET if it says that it is the representation of the target (RFC 9110 §9.3.3).
        "POST" => {
            let location = exchange.response.only("content-location");
            let named =
                location.and_then(|location| exchange.origin.resolve(exchange.target, location));
            let same = named.is_some_and(|named| named == exchange.target);
            (same && explicit.is_some() && exchange.status == 200)
                .then_some(())
                .ok_or(NotStored::Post)
        }
        _ => Err(NotStored::Method),
    }
}

fn lifetime<Q: Fields, S: Fields>(
    exchange: &Storing<'_, Q, S>,
    control: &ResponseControl,
    explicit: Option<Lifetime>,
    options: &Options<'_>,
) -> Result<Lifetime, NotStored> {
    if let Some(explicit) = explicit {
        return Ok(explicit);
    }
    let response = exchange.response;
    let guessable = control.public || freshness::is_heuristically_cacheable(exchange.status);
    let guess = match guessable {
        true => freshness::heuristic(response, options.heuristic, exchange.times.received),
        false => None,
    };
    // Whoever has or gets a cookie may get a response of its own (§7.3).
    let sets = response.has("set-cookie");
    let has_cookie = sets || exchange.request.has("cookie");
    match guess {
        Some(_) if has_cookie => Err(NotStored::Cookie),
        Some(guess) => Ok(guess),
        None if control.no_cache && guessable && !sets => Ok(Lifetime {
            milliseconds: 0,
            source: LifetimeSource::Nothing,
        }),
        None => Err(NotStored::NoFreshness),
    }
}

/// The status codes whose rules for caching are known here: those of RFC 9110, and 451.
fn understands(status: u16) -> bool {
    matches!(
        status,
        200..=206 | 300..=305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 451 | 500..=505
    )
}

impl NotStored {
    /// Whether this depends on the request, so that the next one for the same target may be stored.
    pub fn depends_on_request(self) -> bool {
        matches!(
            self,
            Self::Method
                | Self::Post
                | Self::NotModified
                | Self::RequestNoStore
                | Self::Authorization
                | Self::Part
        )
    }

    /// The rule.
    pub fn rule(self) -> Rule {
        match self {
            Self::Method => Rule::new("RFC 9111 §3", "the method is not cacheable"),
            Self::Post => Rule::new(
                "RFC 9110 §9.3.3",
                "POST without content-location or freshness",
            ),
            Self::Interim => Rule::new("RFC 9111 §3", "the status is not final"),
            Self::NotModified => Rule::new("RFC 9111 §3", "304 answers the condition of a client"),
            Self::Status => Rule::new("RFC 6585", "the status must not be stored"),
            Self::MustUnderstand => Rule::new(
                "RFC 9111 §5.2.2.3",
                "must-understand with an unknown status",
            ),
            Self::RequestNoStore => Rule::new("RFC 9111 §5.2.1.5", "no-store in the request"),
            Self::NoStore => Rule::new("RFC 9111 §5.2.2.5", "no-store"),
            Self::Private => Rule::new("RFC 9111 §5.2.2.7", "private"),
            Self::Authorization => Rule::new("RFC 9111 §3.5", "authorization in the request"),
            Self::VaryAny => Rule::new("RFC 9111 §4.1", "vary: *"),
            Self::Part => Rule::new("RFC 9111 §3.3", "206 without one range"),
            Self::NoFreshness => Rule::new("RFC 9111 §3", "nothing says how long it is fresh"),
            Self::Cookie => Rule::new("RFC 9111 §7.3", "a cookie, without a stated lifetime"),
            Self::Useless => Rule::new("RFC 9111 §4.2", "stale, without a validator"),
        }
    }
}
