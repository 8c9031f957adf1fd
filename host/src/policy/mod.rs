//! Decisions that follow from failures and age, and the state they need.
//!
//! This module is pure. Each decision takes the facts as arguments. Those about processes take the time as milliseconds
//! since the Unix epoch, so that the state can outlive the process that holds it. The clock may be set back: times are
//! compared by their absolute distance.

use std::time::Duration;

mod backoff;
mod breaker;
mod budget;
mod certificate_order;
mod episode;
mod exit_reason;
mod expiry;
mod heartbeat;
mod probation;
mod quarantine;
mod recent;
mod resets;
pub mod restart;
mod retry;
mod room;

pub use self::backoff::Backoff;
pub use self::breaker::{Breaker, BreakerRule, BreakerState};
pub use self::budget::{Budget, BudgetExceeded, RetiredUsage};
pub use self::certificate_order::{OrderFailure, OrderHistory, renewal_time};
pub use self::episode::{Episode, EpisodeSummary};
pub use self::exit_reason::ExitReason;
pub use self::expiry::{Expiry, ExpiryNotice};
pub use self::heartbeat::{Heartbeat, INTERVAL as HEARTBEAT_INTERVAL};
pub use self::probation::Probation;
pub use self::quarantine::{Quarantine, QuarantineRule};
pub use self::resets::ResetBudget;
pub use self::retry::{Retry, is_shortage};
pub use self::room::{ClientWait, make_room};

/// The absolute distance between two times.
fn distance(one: u64, other: u64) -> Duration {
    Duration::from_millis(one.abs_diff(other))
}
