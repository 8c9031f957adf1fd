//! The rules of a shared HTTP cache (RFC 9111), pure: the clock, the request and the response are arguments.
//!
//! The way of a request: [`RequestControl`] reads what the client allows, [`Policy::reuse`] decides about a stored response,
//! [`conditional()`] says how to ask below, [`storable()`] whether to keep the answer, [`update()`] what a 304 changes, and
//! [`invalidates`] what an unsafe request makes unusable. Each decision carries the [`Rule`] behind it.

#![forbid(unsafe_code)]

mod age;
mod cache_status;
mod conditional;
mod content;
mod control;
mod date;
mod directives;
mod fields;
mod freshness;
mod groups;
mod invalidation;
mod no_vary_search;
mod part;
mod policy;
mod precondition;
mod range;
mod request_control;
mod reuse;
mod rule;
mod storable;
mod target;
mod targeted;
mod update;
mod validator;
mod vary;

pub use self::age::age_value;
pub use self::cache_status::{CacheStatus, Forward};
pub use self::conditional::{Conditional, Revalidated, conditional, revalidated};
pub use self::content::{describes_content, stored_fields};
pub use self::control::{ResponseControl, Source};
pub use self::date::{http_date, write_http_date};
pub use self::fields::{Fields, List, members};
pub use self::freshness::{Heuristic, Lifetime, LifetimeSource};
pub use self::groups::{cache_groups, invalidated_groups};
pub use self::invalidation::{invalidates, is_safe, related_targets};
pub use self::no_vary_search::NoVarySearch;
pub use self::part::same_representation;
pub use self::policy::{Policy, Times, Timestamp};
pub use self::precondition::{Precondition, precondition};
pub use self::range::{ContentRange, RangeOutcome, content_range, requested_range};
pub use self::request_control::RequestControl;
pub use self::reuse::{Failure, Reuse, StaleBecause, ValidateBecause};
pub use self::rule::Rule;
pub use self::storable::{NotStored, Options, Storing, storable};
pub use self::target::Origin;
pub use self::targeted::TargetedField;
pub use self::update::{HeadFreshening, head_freshening, update};
pub use self::validator::{EntityTag, Validators};
pub use self::vary::{Vary, variant_key};

#[cfg(test)]
mod decisions;
#[cfg(test)]
mod properties;
