//! When a connection without requests ends.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::streams::Streams;
use crate::serve::server::Phase;

/// How long a client may take to answer GOAWAY, or to go on with the rest of a response.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same when the server stops.
const PATIENCE_STOPPING: Duration = Duration::from_secs(1);

/// What to do with an idle connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Say that no other request will be served.
    GoAway,
    /// End it.
    Close,
}

/// Measures for how long a connection has had no request.
pub(super) struct Idle {
    /// From the last request to GOAWAY; none for any time.
    limit: Option<Duration>,
    /// From GOAWAY on.
    patience: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    /// How many requests there were, and how much the client had taken, when the timer was set.
    since: (u64, u64),
}

impl Idle {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            patience: None,
            timer: None,
            since: (0, 0),
        }
    }

    /// The client has got GOAWAY, since the server is in `phase`.
    pub(super) fn is_told(&mut self, phase: Phase) {
        self.timer = None;
        self.patience = Some(match phase {
            Phase::Stopping => PATIENCE_STOPPING,
            Phase::Serving | Phase::Retiring => PATIENCE,
        });
    }

    /// Resolves when a connection has been idle for too long. `taken` is what the client's socket has taken.
    pub(super) fn poll(
        &mut self,
        streams: &Streams,
        taken: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Next> {
        let (open, begun) = streams.count();
        let limit = self.patience.or(self.limit).filter(|_| open == 0);
        let Some(limit) = limit else {
            self.timer = None;
            return Poll::Pending;
        };
        // After GOAWAY what the client takes counts, too: the rest of a response.
        let now = (begun, self.patience.map_or(0, |_| taken));
        if self.timer.is_none() || self.since != now {
            self.since = now;
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(Instant::now() + limit),
                none => *none = Some(Box::pin(sleep(limit))),
            }
        }
        let Some(timer) = &mut self.timer else {
            return Poll::Pending;
        };
        std::task::ready!(timer.as_mut().poll(cx));
        self.timer = None;
        if self.patience.is_some() {
            return Poll::Ready(Next::Close);
        }
        self.is_told(Phase::Serving);
        Poll::Ready(Next::GoAway)
    }
}
