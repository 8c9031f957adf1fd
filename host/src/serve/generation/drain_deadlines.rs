//! The deadlines of a generation that drains: of its requests, and of its connections that have changed to another protocol.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{Instant as Moment, timeout_at};

use super::drain::{indented, is_kept};
use super::drain_state::{DrainDeadline, DrainState, DrainTimes};
use super::registry::Registry;
use super::waiting::WaitingRequests;

/// How often it looks whether such connections are left.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a generation's deadlines need to know of it.
pub(super) struct DrainDeadlines<'a> {
    pub(super) number: u64,
    pub(super) state: &'a DrainState,
    pub(super) waiting: &'a WaitingRequests,
    pub(super) registry: &'a Registry,
}

impl DrainDeadlines<'_> {
    /// Waits until the generation is `gone`. At each deadline what is left is named and aborted. Returns false once both
    /// have passed, or nothing is left that the later one would end.
    pub(super) async fn pass(&self, gone: &mut oneshot::Receiver<()>, times: DrainTimes) -> bool {
        use DrainDeadline::{Requests, Upgrades};
        let start = Moment::now();
        let (requests, upgrades) = (start + times.requests, start + times.upgrades);
        if upgrades < requests {
            if timeout_at(upgrades, &mut *gone).await.is_ok() {
                return true;
            }
            self.end(Upgrades, times.upgrades);
        }
        if timeout_at(requests, &mut *gone).await.is_ok() {
            return true;
        }
        self.end(Requests, times.requests);
        while Moment::now() < upgrades && self.has_upgrades() {
            let look = upgrades.min(Moment::now() + LOOK_AGAIN);
            if timeout_at(look, &mut *gone).await.is_ok() {
                return true;
            }
        }
        if requests <= upgrades {
            self.end(Upgrades, times.upgrades);
        }
        false
    }

    /// Whether connections hold it that the deadline of upgrades will end.
    fn has_upgrades(&self) -> bool {
        let is_replaced = |level| self.state.keeper(level).is_none();
        self.waiting.has_upgrades(is_replaced)
    }

    /// This deadline has passed.
    fn end(&self, deadline: DrainDeadline, time: Duration) {
        self.report(deadline, time);
        self.state.expire(deadline);
    }

    fn report(&self, deadline: DrainDeadline, time: Duration) {
        let number = self.number;
        let ends_upgrades = deadline == DrainDeadline::Upgrades;
        let mut held_by = self.registry.held_by(number, Instant::now());
        let all = held_by.waiting.count();
        held_by.waiting.retain_upgrades(ends_upgrades);
        let has_others = held_by.waiting.count() < all;
        let is_known = has_others || ends_upgrades || is_kept(self.state, self.waiting);
        if held_by.waiting.requests.is_empty() && is_known {
            return;
        }
        let held_by = held_by.to_string();
        let lines = indented(&held_by);
        match deadline {
            DrainDeadline::Requests => tracing::warn!(
                event = "drain-deadline",
                generation = number,
                held_by,
                "generation {number} did not drain within {time:?}: remaining requests are aborted{lines}"
            ),
            DrainDeadline::Upgrades => tracing::warn!(
                event = "upgrade-deadline",
                generation = number,
                held_by,
                "connections of generation {number} that have changed protocol did not end within {time:?}: they are closed{lines}"
            ),
        }
    }
}
