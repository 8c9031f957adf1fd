//! One reload after the other, each told of once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::editor_schema::EditorSchema;
use super::record::record;
use super::tell::{tell, warn};
use crate::load::watch::Watcher;
use crate::process::ipc::ReloadOptions;
use crate::serve::generation::ReloadRecord;
use crate::serve::generation::{Outcome, ReloadMode, Reloader, Report};

/// Within this time the same refusal is that of the same change.
const SAME_CHANGE: Duration = Duration::from_secs(1);

/// Why a reload is due.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// A file may have changed before it was watched.
    CatchUp,
    /// A file has changed.
    Changed,
    /// Somebody asked.
    Requested(ReloadOptions),
}

impl Trigger {
    /// The same, and something has changed.
    fn and_changed(self) -> Self {
        match self {
            Self::CatchUp => Self::Changed,
            Self::Changed | Self::Requested(_) => self,
        }
    }

    fn mode(self) -> ReloadMode {
        match self {
            Self::CatchUp | Self::Changed => ReloadMode::IfChanged,
            Self::Requested(ReloadOptions { fresh: true, .. }) => ReloadMode::Fresh,
            Self::Requested(_) => ReloadMode::Force,
        }
    }
}

/// Reloads and tells of it.
pub(super) struct ReloadLoop {
    pub(super) reloader: Reloader,
    watch: Arc<Watcher>,
    /// The last number of a reload.
    number: u64,
    /// The refusal that was told last, and when.
    refused: Option<(String, Instant)>,
    /// A first stack that was refused, and how long it took: nobody was told yet.
    first: Option<(Report, Duration)>,
    editors: Option<EditorSchema>,
}

impl ReloadLoop {
    pub(super) fn new(
        reloader: Reloader,
        watch: Arc<Watcher>,
        number: u64,
        first: Option<(Report, Duration)>,
    ) -> Self {
        let reloads = Self {
            reloader,
            watch,
            number,
            refused: None,
            first,
            editors: None,
        };
        reloads.set();
        reloads
    }

    /// The same, with editors told of what serves.
    pub(super) fn with_editor_schema(mut self) -> Self {
        self.editors = Some(EditorSchema::default());
        self
    }

    /// Watches what the next reload would read.
    pub(super) fn set(&self) {
        if let Err(error) = self.watch.set(self.reloader.interest()) {
            tracing::error!("changes are not seen from here on: {error}");
        }
    }

    /// Reloads, and again while that leads to files which were read before they were watched. Hands
    /// each reload that is news to `each`, with its swap still fresh.
    pub(super) async fn run(
        &mut self,
        mut trigger: Trigger,
        each: &mut impl FnMut(&Reloader, ReloadRecord),
    ) {
        if let Some((report, took)) = self.first.take() {
            self.tell(&report, took, trigger, each);
        }
        loop {
            let before = self.reloader.interest();
            let start = Instant::now();
            if let Trigger::Requested(ReloadOptions { retry: true, .. }) = trigger {
                self.reloader.clear_rejections();
            }
            let report = self.reloader.reload(trigger.mode()).await;
            if report.outcome == Outcome::Outdated {
                // There is a change that it was outdated by.
                trigger = trigger.and_changed();
                continue;
            }
            self.tell(&report, start.elapsed(), trigger, each);
            if let Some(editors) = &mut self.editors {
                editors.tell(&self.reloader, report.generation).await;
            }
            if before == self.reloader.interest() {
                return;
            }
            // The new files were read before they were watched: look once more.
            self.set();
            trigger = Trigger::CatchUp;
        }
    }

    fn tell(
        &mut self,
        report: &Report,
        took: Duration,
        trigger: Trigger,
        each: &mut impl FnMut(&Reloader, ReloadRecord),
    ) {
        if !self.is_news(report, trigger) {
            return;
        }
        self.number += 1;
        warn(report);
        let record = record(report, self.number, took + report.detected());
        // Who must know first is told first: this process may end at any moment.
        each(&self.reloader, record.clone());
        tell(&record);
    }

    /// One change may be noticed twice: by the watch, and by looking once more.
    fn is_news(&mut self, report: &Report, trigger: Trigger) -> bool {
        let Outcome::Refused(refusal) = &report.outcome else {
            self.refused = None;
            let echo = trigger == Trigger::CatchUp || (trigger == Trigger::Changed && report.echo);
            return !echo || report.outcome != Outcome::Unchanged;
        };
        let reason = &refusal.reason;
        let asked = matches!(trigger, Trigger::Requested(_));
        let known = self
            .refused
            .as_ref()
            .is_some_and(|(told, at)| told == reason && at.elapsed() < SAME_CHANGE && !asked);
        if !known {
            self.refused = Some((reason.clone(), Instant::now()));
        }
        !known
    }
}
