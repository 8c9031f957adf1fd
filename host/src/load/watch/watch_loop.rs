//! The thread that listens, waits for quiet, looks and reports.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use tokio::sync::mpsc::error::TrySendError;

use super::debounce::Debounce;
use super::dir_watcher::{Ears, Meaning, meaning};
use super::watch_set::Watched;
use super::{Changed, Interest, Rhythm};

/// How often to arm and follow again while the directories keep moving underneath.
const MOVES: usize = 8;

/// What the thread is told.
pub(super) enum Message {
    /// The system reports something.
    Event(notify::Result<notify::Event>),
    /// Watch this, and say when that holds.
    Set(Interest, Sender<io::Result<()>>),
    /// Nobody needs it any more.
    Stop,
}

/// The thread's state.
pub(super) struct Run {
    rhythm: Rhythm,
    ears: Ears,
    watched: Watched,
    debounce: Debounce,
    next_look: Instant,
    /// Changed, but the receiver is busy.
    untold: BTreeSet<PathBuf>,
    /// When the first of that was noticed.
    since: Option<Instant>,
    reports: tokio::sync::mpsc::Sender<Changed>,
}

impl Run {
    pub(super) fn new(
        rhythm: Rhythm,
        ears: Ears,
        reports: tokio::sync::mpsc::Sender<Changed>,
    ) -> Self {
        let debounce = Debounce::new(rhythm.quiet, rhythm.limit);
        let (watched, untold) = (Watched::default(), BTreeSet::new());
        Self {
            rhythm,
            ears,
            watched,
            debounce,
            next_look: Instant::now(),
            untold,
            since: None,
            reports,
        }
    }

    /// Works until told to stop, or nobody receives.
    pub(super) fn until_stopped(mut self, inbox: &Receiver<Message>) {
        self.put_off_look();
        while !self.reports.is_closed() {
            match inbox.recv_timeout(self.wake().saturating_duration_since(Instant::now())) {
                Ok(Message::Event(event)) => self.hear(&event),
                Ok(Message::Set(interest, done)) => {
                    let result = self.watched.set(interest);
                    self.arm();
                    // A change between the first look and the arming was not heard: look again.
                    self.debounce.touch(Instant::now());
                    // Who asked may have gone.
                    drop(done.send(result));
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            let first = self.debounce.first().unwrap_or(now);
            let (heard, is_time) = (self.debounce.take(now), self.next_look <= now);
            if is_time {
                self.watched.stir_all();
            }
            if heard || is_time {
                self.look(first);
            }
            self.tell();
        }
    }

    fn wake(&self) -> Instant {
        let look = self
            .debounce
            .due()
            .unwrap_or(self.next_look)
            .min(self.next_look);
        if self.untold.is_empty() {
            look
        } else {
            look.min(Instant::now() + self.rhythm.quiet)
        }
    }

    fn hear(&mut self, event: &notify::Result<notify::Event>) {
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            // Events were lost: look at everything.
            _ => {
                self.watched.stir_all();
                return self.debounce.touch(Instant::now());
            }
        };
        let meaning = meaning(event);
        if meaning == Meaning::Nothing {
            return;
        }
        for path in &event.paths {
            if !self.watched.concerns(path) {
                continue;
            }
            match meaning {
                Meaning::Written => self.watched.note_written(path),
                Meaning::Replaced => self.ears.forget(path),
                Meaning::Changed | Meaning::Nothing => {}
            }
            self.debounce.touch(Instant::now());
        }
    }

    fn look(&mut self, first: Instant) {
        let armed = self.arm();
        // After arming, so that what happens from here on is heard.
        let changed = self.watched.changed();
        if !changed.is_empty() {
            self.since.get_or_insert(first);
            self.untold.extend(changed);
        }
        if !armed {
            // Still moving: look again soon.
            self.watched.stir_all();
            self.debounce.touch(Instant::now());
        }
        self.put_off_look();
    }

    /// Listens to every directory on the way of every file, and in every tree; says whether these have stayed
    /// the same meanwhile.
    fn arm(&mut self) -> bool {
        for _ in 0..MOVES {
            let dirs = self.watched.retrace();
            if !self.ears.listen(&dirs) {
                return true;
            }
        }
        false
    }

    fn put_off_look(&mut self) {
        let deaf = self.ears.is_hard_of_hearing();
        let pause = if deaf {
            self.rhythm.poll
        } else {
            self.rhythm.heartbeat
        };
        self.next_look = Instant::now() + pause;
    }

    fn tell(&mut self) {
        let Some(first) = self.since.take() else {
            return;
        };
        let paths: Vec<PathBuf> = std::mem::take(&mut self.untold).into_iter().collect();
        match self.reports.try_send(Changed { paths, first }) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(Changed { paths, first })) => {
                self.untold.extend(paths);
                self.since = Some(first);
            }
        }
    }
}
