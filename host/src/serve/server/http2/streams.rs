//! The requests of a connection that are in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::policy::{ClientWait, ResetBudget};
use crate::serve::server::connection_state::ConnectionState;
use crate::serve::server::{Phase, clock};

/// Counts the streams of a connection. The connection waits for its client if all of them do.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) connection: Arc<ConnectionState>,
    pub(super) phase: watch::Receiver<Phase>,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    open: u32,
    /// Of those, how many wait for the client to send, and to take.
    bodies: u32,
    sends: u32,
    /// How many there were.
    begun: u64,
    resets: ResetBudget,
    has_too_many_resets: bool,
}

/// What a stream waits for from its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamWait {
    Body,
    Send,
}

impl Streams {
    /// Of a connection with at most `limit` at a time.
    pub(super) fn new(
        connection: Arc<ConnectionState>,
        phase: watch::Receiver<Phase>,
        limit: u32,
    ) -> Self {
        Self {
            connection,
            phase,
            counts: Mutex::new(Counts {
                open: 0,
                bodies: 0,
                sends: 0,
                begun: 0,
                resets: ResetBudget::new(limit, clock::now()),
                has_too_many_resets: false,
            }),
        }
    }

    pub(super) fn begin(&self) {
        self.change(|counts| {
            counts.open += 1;
            counts.begun += 1;
        });
    }

    /// One has ended. `is_given_up` says that the client did not wait for the response.
    pub(super) fn end(&self, is_given_up: bool) {
        let is_last = self.change(|counts| {
            counts.open = counts.open.saturating_sub(1);
            if is_given_up {
                counts.has_too_many_resets |= counts.resets.spend(clock::now());
            }
            counts.open == 0 || counts.has_too_many_resets
        });
        if is_last {
            self.connection.wait.wake();
        }
    }

    /// One begins to wait for its client.
    pub(super) fn waits(&self, wait: StreamWait) {
        self.change(|counts| *counts.of(wait) += 1);
    }

    /// It waits no more.
    pub(super) fn goes_on(&self, wait: StreamWait) {
        self.change(|counts| {
            let of = counts.of(wait);
            *of = of.saturating_sub(1);
        });
    }

    /// How many are open, and how many there were.
    pub(super) fn count(&self) -> (u32, u64) {
        let counts = self.counts();
        (counts.open, counts.begun)
    }

    pub(super) fn has_too_many_resets(&self) -> bool {
        self.counts().has_too_many_resets
    }

    fn change<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        let mut counts = self.counts();
        let result = change(&mut counts);
        let wait = &self.connection.wait;
        match (counts.open, counts.bodies, counts.sends) {
            (0, _, _) => wait.waits(ClientWait::Idle),
            (open, bodies, sends) if bodies + sends < open => wait.busy(),
            (_, _, 0) => wait.waits(ClientWait::Body),
            _ => wait.waits(ClientWait::Send),
        }
        result
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn of(&mut self, wait: StreamWait) -> &mut u32 {
        match wait {
            StreamWait::Body => &mut self.bodies,
            StreamWait::Send => &mut self.sends,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_waits_for_its_client_if_all_streams_do() {
        let state = Arc::new(ConnectionState::accepted((0, 0)));
        let (_sender, phase) = watch::channel(Phase::Serving);
        let streams = Streams::new(Arc::clone(&state), phase, 10);
        let wait = || state.wait.get().map(|(wait, _)| wait);
        streams.begin();
        streams.begin();
        assert_eq!(wait(), None);
        streams.waits(StreamWait::Body);
        assert_eq!(wait(), None, "a handler works for the other");
        streams.waits(StreamWait::Send);
        assert_eq!(wait(), Some(ClientWait::Send));
        streams.goes_on(StreamWait::Send);
        streams.end(false);
        assert_eq!(wait(), Some(ClientWait::Body));
        streams.goes_on(StreamWait::Body);
        assert_eq!(wait(), None);
        streams.end(true);
        assert_eq!(wait(), Some(ClientWait::Idle));
        assert!(!streams.has_too_many_resets());
        (0..20).for_each(|_| streams.end(true));
        assert!(streams.has_too_many_resets());
    }
}
