//! Hearing of events in a set of directories.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// Where events come from.
pub(super) struct Ears {
    watcher: Option<RecommendedWatcher>,
    armed: BTreeSet<PathBuf>,
    /// Told of once, not at every look.
    refused: BTreeSet<PathBuf>,
}

impl Ears {
    /// Starts listening; events go to `heard`.
    pub(super) fn open(heard: impl Fn(notify::Result<Event>) + Send + 'static) -> Self {
        let watcher = notify::recommended_watcher(heard).inspect_err(|error| {
            tracing::warn!(%error, "the system reports no file changes: looking now and then");
        });
        Self {
            watcher: watcher.ok(),
            armed: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Hears nothing, as where the system has no more watches to give.
    pub(super) fn deaf() -> Self {
        Self {
            watcher: None,
            armed: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Whether some directory can't be listened to.
    pub(super) fn is_hard_of_hearing(&self) -> bool {
        self.watcher.is_none() || !self.refused.is_empty()
    }

    /// Listens to exactly these directories. Says whether any is new.
    pub(super) fn listen(&mut self, dirs: &BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        for gone in self.armed.difference(dirs) {
            // Fails if the directory itself is gone, which is as good.
            let _ = watcher.unwatch(gone);
        }
        self.armed.retain(|dir| dirs.contains(dir));
        self.refused.retain(|dir| dirs.contains(dir));
        let mut more = false;
        for dir in dirs.difference(&self.armed.clone()) {
            match watcher.watch(dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.refused.remove(dir);
                    more |= self.armed.insert(dir.clone());
                }
                // It went away meanwhile; its parent will tell when it is back.
                Err(e) if matches!(e.kind, ErrorKind::PathNotFound) => more = true,
                Err(error) => {
                    if self.refused.insert(dir.clone()) {
                        warn(dir, &error);
                    }
                }
            }
        }
        more
    }

    /// Forgets `path` and all below it: it may be another directory by now, or the same number
    /// given to a new one, so [`Ears::listen`] must ask again.
    pub(super) fn forget(&mut self, path: &Path) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        self.armed.retain(|dir| {
            let stays = !dir.starts_with(path);
            if !stays {
                let _ = watcher.unwatch(dir);
            }
            stays
        });
    }
}

fn warn(dir: &Path, error: &notify::Error) {
    let dir = dir.display();
    match error.kind {
        ErrorKind::MaxFilesWatch => tracing::warn!(
            %dir,
            "no file watches are left: looking now and then; \
             raise the sysctl fs.inotify.max_user_watches"
        ),
        // Usual for directories above the home directory: what happens in them is seen later.
        _ => tracing::debug!(%dir, %error, "can't be watched: looking now and then"),
    }
}

/// What an event may mean for the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Only somebody who reads.
    Nothing,
    /// An entry, a mode or a length may be different.
    Changed,
    /// Content was written.
    Written,
    /// The name leads to something else than before.
    Replaced,
}

/// Reads an event.
pub(super) fn meaning(event: &Event) -> Meaning {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Meaning::Changed,
        EventKind::Access(_) => Meaning::Nothing,
        EventKind::Modify(ModifyKind::Data(_)) => Meaning::Written,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
            Meaning::Replaced
        }
        _ => Meaning::Changed,
    }
}
