//! Whether a stored response answers a request (RFC 9111 §4).

use crate::policy::{Policy, Timestamp};
use crate::request_control::RequestControl;
use crate::rule::Rule;

/// What to do with a stored response that a request selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// It answers the request.
    Fresh,
    /// It answers the request although it is stale.
    Stale(StaleBecause),
    /// It answers the request although it is stale, and must be validated at the same time (RFC 5861 §3).
    StaleWhileRevalidate,
    /// It must be validated first.
    Validate(ValidateBecause),
    /// The client wants nothing but a stored response, and this one does not do: 504 (§5.2.1.7).
    GatewayTimeout(ValidateBecause),
}

/// Why a stale response may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleBecause {
    /// The client accepts it.
    MaxStale,
    /// The layers below failed, and the origin or the client accepts it.
    StaleIfError,
    /// The layers below can't be reached.
    Disconnected,
}

/// Why a stored response must be validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValidateBecause {
    /// It is stale.
    Expired,
    /// The origin wants it before each use.
    NoCache,
    /// The client wants it.
    RequestNoCache,
    /// It is older than the client accepts.
    RequestMaxAge,
    /// It is not fresh for long enough for the client.
    RequestMinFresh,
}

/// How a request to the layers below failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// They answered with this status.
    Status(u16),
    /// They did not answer.
    NoAnswer,
}

impl Policy {
    /// Whether the response answers a request.
    pub fn reuse(&self, request: &RequestControl, now: Timestamp) -> Reuse {
        let Err(because) = self.without_validation(request, now) else {
            return Reuse::Fresh;
        };
        match self.stale(because, request, now) {
            Some(stale) => stale,
            None if request.only_if_cached => Reuse::GatewayTimeout(because),
            None => Reuse::Validate(because),
        }
    }

    fn without_validation(
        &self,
        request: &RequestControl,
        now: Timestamp,
    ) -> Result<(), ValidateBecause> {
        if request.no_cache {
            return Err(ValidateBecause::RequestNoCache);
        }
        if self.no_cache {
            return Err(ValidateBecause::NoCache);
        }
        if !self.is_fresh(now) {
            return Err(ValidateBecause::Expired);
        }
        let age = self.age(now);
        // A reload asks for age 0, which not even a response of this millisecond has; an immutable one needs none (RFC 8246 §2).
        let too_old = |most: u64| most == 0 || age > most.saturating_mul(1000);
        if request.max_age.is_some_and(too_old) && !self.immutable {
            return Err(ValidateBecause::RequestMaxAge);
        }
        let left = self.lifetime.milliseconds - age;
        if request
            .min_fresh
            .is_some_and(|least| left < least.saturating_mul(1000))
        {
            return Err(ValidateBecause::RequestMinFresh);
        }
        Ok(())
    }

    fn stale(
        &self,
        because: ValidateBecause,
        request: &RequestControl,
        now: Timestamp,
    ) -> Option<Reuse> {
        if because != ValidateBecause::Expired || self.forbids_stale {
            return None;
        }
        let staleness = self.staleness(now);
        let within = |window: u64| window > 0 && staleness <= window;
        let too_old = |most: u64| self.age(now) > most.saturating_mul(1000);
        if let Some(most) = request.max_stale {
            // With `max-age` too, the response may be that old and stale for so long (§5.2.1.2).
            let limit = request.max_age.map(|age| age.saturating_add(most));
            if staleness <= most.saturating_mul(1000) && !limit.is_some_and(too_old) {
                return Some(Reuse::Stale(StaleBecause::MaxStale));
            }
        }
        let asks_for_less = request.max_age.is_some_and(too_old) || request.min_fresh.is_some();
        (within(self.stale_while_revalidate) && !asks_for_less)
            .then_some(Reuse::StaleWhileRevalidate)
    }

    /// Whether the response may be used although it could not be validated (§4.2.4, §4.3.3, RFC 5861 §4).
    pub fn reuse_after(
        &self,
        failure: Failure,
        request: &RequestControl,
        now: Timestamp,
    ) -> Option<StaleBecause> {
        if self.forbids_stale || request.no_cache {
            return None;
        }
        let is_error = match failure {
            Failure::Status(status) => matches!(status, 500 | 502 | 503 | 504),
            Failure::NoAnswer => true,
        };
        let window = match request.stale_if_error {
            Some(seconds) => self.stale_if_error.max(seconds.saturating_mul(1000)),
            None => self.stale_if_error,
        };
        if is_error && window > 0 && self.staleness(now) <= window {
            return Some(StaleBecause::StaleIfError);
        }
        (failure == Failure::NoAnswer).then_some(StaleBecause::Disconnected)
    }
}

impl StaleBecause {
    /// The rule.
    pub fn rule(self) -> Rule {
        match self {
            Self::MaxStale => Rule::new("RFC 9111 §5.2.1.2", "the client accepts it stale"),
            Self::StaleIfError => Rule::new("RFC 5861 §4", "stale-if-error"),
            Self::Disconnected => Rule::new("RFC 9111 §4.2.4", "the layers below do not answer"),
        }
    }
}

impl ValidateBecause {
    /// The rule.
    pub fn rule(self) -> Rule {
        match self {
            Self::Expired => Rule::new("RFC 9111 §4.2", "stale"),
            Self::NoCache => Rule::new("RFC 9111 §5.2.2.4", "no-cache in the response"),
            Self::RequestNoCache => Rule::new("RFC 9111 §5.2.1.4", "no-cache in the request"),
            Self::RequestMaxAge => Rule::new("RFC 9111 §5.2.1.1", "max-age in the request"),
            Self::RequestMinFresh => Rule::new("RFC 9111 §5.2.1.3", "min-fresh in the request"),
        }
    }
}
