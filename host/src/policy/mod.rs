//! What follows from failures and from age: decisions, and the little that they remember.
//!
//! This room is pure. Each decision gets the facts as arguments, and the time as milliseconds since
//! the Unix epoch, so that what is remembered outlives the process that remembers it. The clock may
//! be set meanwhile: times are compared by their distance, whichever is the later.

use std::time::Duration;

mod backoff;
mod breaker;
mod budget;
mod exit_reason;
mod probation;
mod quarantine;
mod recent;
pub mod restart;

pub use self::backoff::Backoff;
pub use self::breaker::{Breaker, BreakerRule, BreakerState};
pub use self::budget::{Budget, BudgetExceeded, RetiredUsage};
pub use self::exit_reason::ExitReason;
pub use self::probation::Probation;
pub use self::quarantine::{Quarantine, QuarantineRule};

/// The time between two moments.
fn apart(one: u64, other: u64) -> Duration {
    Duration::from_millis(one.abs_diff(other))
}
