//! What happens to many connections at a time is in the log once, then with a count.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::clock;
use crate::policy::{Episode, EpisodeSummary};

/// How often an open episode is looked at.
const CHECK: Duration = Duration::from_secs(1);

/// One thing that happens to connections.
#[derive(Debug)]
pub(super) enum Notice {
    /// A new connection finds no free place.
    Full { limit: usize },
    /// The system does not let one be accepted.
    NotAccepted { error: std::io::Error },
    /// A client took nothing of a response.
    SendTimeout,
    /// A client sent nothing of a body.
    BodyTimeout,
}

/// The kinds of [`Notice`].
#[derive(Debug, Clone, Copy)]
enum Kind {
    Full,
    NotAccepted,
    SendTimeout,
    BodyTimeout,
}

const KINDS: [Kind; 4] = [
    Kind::Full,
    Kind::NotAccepted,
    Kind::SendTimeout,
    Kind::BodyTimeout,
];

impl Notice {
    fn kind(&self) -> Kind {
        match self {
            Self::Full { .. } => Kind::Full,
            Self::NotAccepted { .. } => Kind::NotAccepted,
            Self::SendTimeout => Kind::SendTimeout,
            Self::BodyTimeout => Kind::BodyTimeout,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit } => write!(
                f,
                "all {limit} connections are in use (`[limits] connections`): those that wait for their client make \
                 room for new ones, the longest idle first\n\nhelp: `stackup status` shows what they wait for"
            ),
            Self::NotAccepted { error } => write!(
                f,
                "a connection could not be accepted: {error}\n\nhelp: it is tried again until it succeeds; if the \
                 limit of open files is too low, raise it with `ulimit -n` or systemd's `LimitNOFILE=`"
            ),
            Self::SendTimeout => {
                f.write_str("a connection was closed: its client took nothing of a response for `[limits] send_timeout`")
            }
            Self::BodyTimeout => f.write_str(
                "a connection is closed: its client sent nothing of a request's body for `[limits] body_timeout`",
            ),
        }
    }
}

/// The log of what happens to connections.
#[derive(Debug, Default)]
pub(super) struct Notices {
    episodes: Mutex<[Episode; KINDS.len()]>,
    began: Notify,
}

impl Notices {
    /// Logs what begins, and counts what goes on.
    pub(super) fn happened(&self, notice: &Notice) {
        let kind = notice.kind();
        if !self.episodes()[kind as usize].happened(clock::now()) {
            return;
        }
        match kind {
            Kind::Full => tracing::warn!(event = "connections-full", "{notice}"),
            Kind::NotAccepted => tracing::error!(event = "accept-failed", "{notice}"),
            Kind::SendTimeout => tracing::info!(event = "send-timeout", "{notice}"),
            Kind::BodyTimeout => tracing::info!(event = "body-timeout", "{notice}"),
        }
        self.began.notify_one();
    }

    /// Logs how often things happened, for as long as it is polled.
    pub(super) async fn summarize(&self) {
        loop {
            self.began.notified().await;
            while self.episodes().iter().any(Episode::is_open) {
                tokio::time::sleep(CHECK).await;
                for kind in KINDS {
                    let summary = self.episodes()[kind as usize].summary(clock::now());
                    if let Some(summary) = summary {
                        log(kind, summary);
                    }
                }
            }
        }
    }

    fn episodes(&self) -> MutexGuard<'_, [Episode; KINDS.len()]> {
        self.episodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(kind: Kind, EpisodeSummary { count, time, over }: EpisodeSummary) {
    let seconds = time.as_secs();
    let ended = if over { "no longer" } else { "still" };
    match kind {
        Kind::Full => tracing::warn!(
            event = "connections-full",
            count,
            seconds,
            over,
            "the limit of connections is {ended} reached: {count} new connections found no free place in {seconds} s"
        ),
        Kind::NotAccepted => tracing::error!(
            event = "accept-failed",
            count,
            seconds,
            over,
            "connections {}: {count} attempts failed in {seconds} s",
            if over {
                "are accepted again"
            } else {
                "still cannot be accepted"
            }
        ),
        Kind::SendTimeout => tracing::info!(
            event = "send-timeout",
            count,
            seconds,
            over,
            "{count} connections were closed in {seconds} s: their clients took nothing of a response for `[limits] send_timeout`"
        ),
        Kind::BodyTimeout => tracing::info!(
            event = "body-timeout",
            count,
            seconds,
            over,
            "{count} connections were closed in {seconds} s: their clients sent nothing of a request's body for `[limits] body_timeout`"
        ),
    }
}
