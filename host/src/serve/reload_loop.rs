//! Runs reloads one after the other, and reports each once.

mod editor_schema;
mod record;
mod tell;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use self::editor_schema::EditorSchema;
use self::record::record;
use self::tell::tell;
pub use self::tell::{announce, warn};
use crate::load::watch::Watcher;
use crate::policy::{Retry, is_shortage};
use crate::serve::generation::ReloadRecord;
use crate::serve::generation::{Outcome, Refusal, ReloadMode, Reloader, Report};

/// A refusal that repeats within this time is about the same change.
const SAME_CHANGE: Duration = Duration::from_secs(1);

/// How thoroughly to reload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReloadOptions {
    /// Build every instance again, and swap even if nothing has changed.
    #[serde(default)]
    pub fresh: bool,
    /// Try again what was rolled back or quarantined.
    #[serde(default)]
    pub retry: bool,
}

/// Why a reload is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A file may have changed before it was watched.
    CatchUp,
    /// A file has changed.
    Changed,
    /// The last one failed since the system was short of something.
    Retry,
    /// A command asked for it.
    Requested(ReloadOptions),
}

impl Trigger {
    /// This trigger, with a change added to it.
    fn and_changed(self) -> Self {
        match self {
            Self::CatchUp | Self::Retry => Self::Changed,
            Self::Changed | Self::Requested(_) => self,
        }
    }

    fn mode(self) -> ReloadMode {
        match self {
            Self::CatchUp | Self::Changed => ReloadMode::IfChanged,
            Self::Requested(ReloadOptions { fresh: true, .. }) => ReloadMode::Fresh,
            Self::Requested(_) | Self::Retry => ReloadMode::Force,
        }
    }
}

/// Reloads, and reports each reload.
pub struct ReloadLoop {
    /// Where the stacks are.
    pub reloader: Reloader,
    watch: Arc<Watcher>,
    /// The last number of a reload.
    number: u64,
    /// The refusal that was reported last, and when.
    refused: Option<(Refusal, Instant)>,
    /// The waits of tries that were short of something.
    retry: Retry,
    /// When to try again.
    retry_at: Option<Instant>,
    /// A first stack that was refused and how long it took, until it is reported.
    first: Option<(Report, Duration)>,
    editor_schema: Option<EditorSchema>,
}

impl ReloadLoop {
    /// Reports reloads from `number` on; `first` is a first stack that was refused, and how long it took.
    pub fn new(
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
            retry: Retry::default(),
            retry_at: None,
            first,
            editor_schema: None,
        };
        reloads.watch_files();
        reloads
    }

    /// Keeps the schema for editors up to date.
    #[must_use]
    pub fn with_editor_schema(mut self) -> Self {
        self.editor_schema = Some(EditorSchema::default());
        self
    }

    /// Watches the files that the next reload would read.
    pub fn watch_files(&self) {
        if let Err(error) = self.watch.set(self.reloader.interest()) {
            tracing::error!("cannot watch for changes: {error}");
        }
    }

    /// Reloads, and repeats it while a reload read files that were not yet watched. Calls `each` for each
    /// reload worth reporting, directly after its swap.
    ///
    /// # Errors
    ///
    /// Why this process can't load the new stack although a fresh one may. That is not reported.
    pub async fn run(
        &mut self,
        mut trigger: Trigger,
        each: &mut impl FnMut(&Reloader, ReloadRecord),
    ) -> Result<(), Refusal> {
        self.retry_at = None;
        if let Some((report, took)) = self.first.take() {
            self.report(&report, Instant::now(), took, trigger, each);
        }
        // Not what a reload that was outdated has added: nobody watches that yet.
        let mut watched = self.reloader.interest();
        loop {
            let start = Instant::now();
            if let Trigger::Requested(ReloadOptions { retry: true, .. }) = trigger {
                self.reloader.clear_rejections();
            }
            let mut report = self.reloader.reload(trigger.mode()).await;
            if report.outcome == Outcome::Outdated {
                // A change made it outdated.
                trigger = trigger.and_changed();
                continue;
            }
            if let Outcome::NeedsFreshProcess(refusal) = report.outcome {
                // Where the worker keeps serving, a change of these files leads to another try.
                self.watch_files();
                return Err(refusal);
            }
            self.report(&report, start, start.elapsed(), trigger, each);
            drop(report.swap.take());
            self.plan_retry(&report);
            if let Some(editor_schema) = &mut self.editor_schema {
                editor_schema
                    .update(&self.reloader, report.generation)
                    .await;
            }
            let interest = self.reloader.interest();
            if watched == interest {
                return Ok(());
            }
            // These files were read before they were watched: reload once more.
            self.watch_files();
            watched = interest;
            trigger = Trigger::CatchUp;
        }
    }

    /// When to try again what the system was short of something for.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    fn plan_retry(&mut self, report: &Report) {
        let short = match &report.outcome {
            Outcome::Refused(refusal) => is_shortage(&refusal.reason),
            _ => false,
        };
        if !short {
            (self.retry, self.retry_at) = (Retry::default(), None);
            return;
        }
        let delay = self.retry.next_delay();
        self.retry_at = Some(Instant::now() + delay);
        tracing::warn!(
            event = "reload-retry",
            seconds = delay.as_secs(),
            "the system is short of something that the reload needs: trying again in {delay:?}"
        );
    }

    /// `start` is when the reload began.
    fn report(
        &mut self,
        report: &Report,
        start: Instant,
        took: Duration,
        trigger: Trigger,
        each: &mut impl FnMut(&Reloader, ReloadRecord),
    ) {
        if !self.should_report(report, start, trigger) {
            return;
        }
        self.number += 1;
        warn(report);
        let record = record(report, self.number, took + report.detected());
        if let Some(figures) = self.reloader.figures() {
            figures.count_reload(record.outcome.name(), record.stage.as_deref());
        }
        // The supervisor comes first: this process may die at any moment.
        each(&self.reloader, record.clone());
        tell(&record);
    }

    /// Whether it is news: one change may trigger two reloads, by the watch and by the catch-up.
    fn should_report(&mut self, report: &Report, start: Instant, trigger: Trigger) -> bool {
        let Outcome::Refused(refusal) = &report.outcome else {
            self.refused = None;
            let echo = match trigger {
                Trigger::CatchUp | Trigger::Retry => true,
                Trigger::Changed => report.echo,
                Trigger::Requested(_) => false,
            };
            return !echo || report.outcome != Outcome::Unchanged;
        };
        let repeated = self
            .refused
            .as_ref()
            .is_some_and(|(before, at)| match trigger {
                // Another temporary name in the reason is no other reason.
                Trigger::Retry => before.stage == refusal.stage && is_shortage(&refusal.reason),
                Trigger::CatchUp => before == refusal,
                // However long the second reload takes.
                Trigger::Changed => {
                    before == refusal && start.saturating_duration_since(*at) < SAME_CHANGE
                }
                Trigger::Requested(_) => false,
            });
        if !repeated {
            self.refused = Some((refusal.clone(), Instant::now()));
        }
        !repeated
    }
}
