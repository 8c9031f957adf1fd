//! The thread that receives events, waits for quiet, checks and reports.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use tokio::sync::mpsc::error::TrySendError;

use super::debounce::Debounce;
use super::dir_watcher::{DirWatcher, EventClass, classify};
use super::watch_set::WatchSet;
use super::{ChangeSet, Interest, Timing};

/// How often to update the watches while directories keep changing.
const MAX_UPDATES: usize = 8;

/// A message to the thread.
pub(super) enum Message {
    /// An event from the system.
    Event(notify::Result<notify::Event>),
    /// Watch this; answer when it is watched.
    Set(Interest, Sender<io::Result<()>>),
    /// End the thread.
    Stop,
}

/// The thread's state.
pub(super) struct WatchLoop {
    timing: Timing,
    dir_watcher: DirWatcher,
    watched: WatchSet,
    debounce: Debounce,
    next_check: Instant,
    /// Changes that the full channel did not take.
    unreported: BTreeSet<PathBuf>,
    /// When the first of them was noticed.
    since: Option<Instant>,
    reports: tokio::sync::mpsc::Sender<ChangeSet>,
}

impl WatchLoop {
    pub(super) fn new(
        timing: Timing,
        dir_watcher: DirWatcher,
        reports: tokio::sync::mpsc::Sender<ChangeSet>,
    ) -> Self {
        let debounce = Debounce::new(timing.quiet, timing.limit);
        let (watched, unreported) = (WatchSet::default(), BTreeSet::new());
        Self {
            timing,
            dir_watcher,
            watched,
            debounce,
            next_check: Instant::now(),
            unreported,
            since: None,
            reports,
        }
    }

    /// Runs until it is stopped or the receiver is dropped.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) {
        self.schedule_check();
        while !self.reports.is_closed() {
            match inbox.recv_timeout(self.wake().saturating_duration_since(Instant::now())) {
                Ok(Message::Event(event)) => self.handle_event(&event),
                Ok(Message::Set(interest, done)) => {
                    let result = self.watched.set(interest);
                    self.update_watches();
                    // A change between the first check and the new watches caused no event: check again.
                    self.debounce.touch(Instant::now());
                    // Fails if the caller has gone.
                    drop(done.send(result));
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            let first = self.debounce.first().unwrap_or(now);
            let (quiet, is_time) = (self.debounce.take(now), self.next_check <= now);
            if is_time {
                self.watched.mark_all_dirty();
            }
            if quiet || is_time {
                self.check(first);
            }
            self.report();
        }
    }

    fn wake(&self) -> Instant {
        let check = self
            .debounce
            .due()
            .unwrap_or(self.next_check)
            .min(self.next_check);
        if self.unreported.is_empty() {
            check
        } else {
            check.min(Instant::now() + self.timing.quiet)
        }
    }

    fn handle_event(&mut self, event: &notify::Result<notify::Event>) {
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            // Events were lost: check everything.
            _ => {
                self.watched.mark_all_dirty();
                return self.debounce.touch(Instant::now());
            }
        };
        let class = classify(event);
        if class == EventClass::Ignored {
            return;
        }
        for path in &event.paths {
            if !self.watched.is_relevant(path) {
                continue;
            }
            match class {
                EventClass::Written => self.watched.note_written(path),
                EventClass::Replaced => self.dir_watcher.forget(path),
                EventClass::Changed | EventClass::Ignored => {}
            }
            self.debounce.touch(Instant::now());
        }
    }

    fn check(&mut self, first: Instant) {
        let settled = self.update_watches();
        // Compared after the update: a later change causes an event.
        let changed = self.watched.changed();
        if !changed.is_empty() {
            self.since.get_or_insert(first);
            self.unreported.extend(changed);
        }
        if !settled {
            // Directories still change: check again soon.
            self.watched.mark_all_dirty();
            self.debounce.touch(Instant::now());
        }
        self.schedule_check();
    }

    /// Watches every directory on the way to each file and in each tree. Returns whether the set of directories
    /// has settled.
    fn update_watches(&mut self) -> bool {
        for _ in 0..MAX_UPDATES {
            let dirs = self.watched.refresh();
            if !self.dir_watcher.watch_only(&dirs) {
                return true;
            }
        }
        false
    }

    fn schedule_check(&mut self) {
        let pause = if self.dir_watcher.needs_polling() {
            self.timing.poll
        } else {
            self.timing.heartbeat
        };
        self.next_check = Instant::now() + pause;
    }

    fn report(&mut self) {
        let Some(first) = self.since.take() else {
            return;
        };
        let paths: Vec<PathBuf> = std::mem::take(&mut self.unreported).into_iter().collect();
        match self.reports.try_send(ChangeSet { paths, first }) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(ChangeSet { paths, first })) => {
                self.unreported.extend(paths);
                self.since = Some(first);
            }
        }
    }
}
