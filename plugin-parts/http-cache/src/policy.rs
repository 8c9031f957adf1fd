//! What is known of a stored response: all that a decision about its reuse needs.

use crate::age::initial_age;
use crate::control::ResponseControl;
use crate::fields::Fields;
use crate::freshness::Lifetime;

/// A time, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// When a request was sent, and when its response came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// `request_time` of RFC 9111 §4.2.3.
    pub sent: Timestamp,
    /// `response_time`.
    pub received: Timestamp,
}

/// Facts about a stored response, made when it is stored or validated. All durations are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When it came.
    pub received: Timestamp,
    /// How old it was then (RFC 9111 §4.2.3).
    pub initial_age: u64,
    /// How long it is fresh (§4.2.1).
    pub lifetime: Lifetime,
    /// It must be validated before each use (§5.2.2.4).
    pub no_cache: bool,
    /// It must not be used stale (§4.2.4).
    pub forbids_stale: bool,
    /// It does not change while it is fresh (RFC 8246).
    pub immutable: bool,
    /// Whether it may answer requests of several users that present credentials (§3.5).
    pub shared: bool,
    /// How long it may be used stale while it is validated (RFC 5861 §3).
    pub stale_while_revalidate: u64,
    /// How long it may be used stale after an error (RFC 5861 §4).
    pub stale_if_error: u64,
}

impl Timestamp {
    /// From seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * 1000)
    }

    /// Seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since an earlier time; 0 if it is later.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl Policy {
    /// The facts about a response with these fields.
    pub(crate) fn new(
        fields: &impl Fields,
        control: &ResponseControl,
        lifetime: Lifetime,
        times: Times,
    ) -> Self {
        let milliseconds = |seconds: Option<u64>| seconds.unwrap_or(0) * 1000;
        let Times { sent, received } = times;
        Self {
            received,
            initial_age: initial_age(fields, sent, received),
            lifetime,
            no_cache: control.no_cache,
            forbids_stale: control.forbids_stale(),
            immutable: control.immutable,
            shared: control.shares_authorized(),
            stale_while_revalidate: milliseconds(control.stale_while_revalidate()),
            stale_if_error: milliseconds(control.stale_if_error()),
        }
    }

    /// How old the response is, in milliseconds: `current_age` (§4.2.3).
    pub fn age(&self, now: Timestamp) -> u64 {
        self.initial_age.saturating_add(now.since(self.received))
    }

    /// The value of `Age` (§5.1).
    pub fn age_seconds(&self, now: Timestamp) -> u64 {
        self.age(now) / 1000
    }

    /// Whether the response is fresh (§4.2).
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.lifetime.milliseconds > self.age(now)
    }

    /// How long it has been stale, in milliseconds; 0 while it is fresh.
    pub fn staleness(&self, now: Timestamp) -> u64 {
        self.age(now).saturating_sub(self.lifetime.milliseconds)
    }

    /// Seconds until it is stale, rounded; negative since then (RFC 9211 §2.4).
    pub fn time_to_live(&self, now: Timestamp) -> i64 {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let left = signed(self.lifetime.milliseconds).saturating_sub(signed(self.age(now)));
        left.saturating_add(500).div_euclid(1000)
    }

    /// How long from `now` on the response can be of use without validation, in milliseconds.
    pub fn useful_for(&self, now: Timestamp) -> u64 {
        let stale = match self.forbids_stale {
            true => 0,
            false => self.stale_while_revalidate.max(self.stale_if_error),
        };
        let end = self.lifetime.milliseconds.saturating_add(stale);
        end.saturating_sub(self.age(now))
    }
}
