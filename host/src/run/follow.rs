//! One reload after the other, each told of once.

use std::time::{Duration, Instant};

use super::tell::tell;
use crate::generation::{Ask, Outcome, Reloader};
use crate::watch::Watch;

/// Within this time the same refusal is that of the same change.
const SAME_CHANGE: Duration = Duration::from_secs(1);

/// Watches what the next reload would read.
pub(super) fn set(watch: &Watch, reloader: &Reloader) {
    if let Err(error) = watch.set(reloader.files()) {
        tracing::error!("changes are not seen from here on: {error}");
    }
}

/// Why a reload is due.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A file may have changed before it was watched.
    CatchUp,
    /// A file has changed.
    Changed,
    /// Somebody asked.
    Forced,
}

impl Wanted {
    fn ask(self) -> Ask {
        match self {
            Self::CatchUp | Self::Changed => Ask::Look,
            // Who asks wants read again what `init` reads, too.
            Self::Forced => Ask::Fresh,
        }
    }
}

/// Reloads and tells of it.
pub(super) struct Follower {
    pub(super) reloader: Reloader,
    watch: Watch,
    /// The refusal that was told last, and when.
    refused: Option<(String, Instant)>,
}

impl Follower {
    pub(super) fn new(reloader: Reloader, watch: Watch) -> Self {
        Self {
            reloader,
            watch,
            refused: None,
        }
    }

    /// Reloads, and again while that leads to files which were read before they were watched.
    pub(super) async fn follow(&mut self, mut wanted: Wanted) {
        loop {
            let before: Vec<_> = self.reloader.files().collect();
            let start = Instant::now();
            let report = self.reloader.reload(wanted.ask()).await;
            if self.is_news(&report.outcome, wanted) {
                tell(&report, start.elapsed());
            }
            let after: Vec<_> = self.reloader.files().collect();
            if before == after {
                return;
            }
            // The new files were read before they were watched: look once more.
            set(&self.watch, &self.reloader);
            wanted = Wanted::CatchUp;
        }
    }

    /// One change may be noticed twice: by the watch, and by looking once more.
    fn is_news(&mut self, outcome: &Outcome, wanted: Wanted) -> bool {
        let Outcome::Refused(reason) = outcome else {
            self.refused = None;
            return wanted != Wanted::CatchUp || *outcome != Outcome::Unchanged;
        };
        let known = self.refused.as_ref().is_some_and(|(told, at)| {
            told == reason && at.elapsed() < SAME_CHANGE && wanted != Wanted::Forced
        });
        if !known {
            self.refused = Some((reason.clone(), Instant::now()));
        }
        !known
    }
}
