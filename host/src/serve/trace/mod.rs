//! What one request met on its way through the layers, and when: for people who develop.
//!
//! Pure but for the clock: written by the nodes of a stack that is watched, read by whoever shows it.

mod recent;
mod seat;
mod shown;
#[expect(
    clippy::module_inception,
    reason = "the room is named after what it is about"
)]
mod trace;

pub use self::recent::Recent;
pub use self::seat::{Seat, Tally};
pub use self::shown::{Shown, Summary, Visited};
pub use self::trace::{Finished, Trace, Visiting};
