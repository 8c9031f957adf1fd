//! Events from a set of directories (inotify).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// Watches a set of directories, none of them recursively.
pub(super) struct DirWatcher {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// Directories that cannot be watched. Each is logged once.
    failed: BTreeSet<PathBuf>,
}

impl DirWatcher {
    /// Starts watching nothing; events go to `on_event`.
    pub(super) fn open(on_event: impl Fn(notify::Result<Event>) + Send + 'static) -> Self {
        let watcher = notify::recommended_watcher(on_event).inspect_err(|error| {
            tracing::warn!(%error, "file change notifications are unavailable: polling instead");
        });
        Self {
            watcher: watcher.ok(),
            watched: BTreeSet::new(),
            failed: BTreeSet::new(),
        }
    }

    /// Reports no events, as on a system without inotify watches left.
    pub(super) fn disabled() -> Self {
        Self {
            watcher: None,
            watched: BTreeSet::new(),
            failed: BTreeSet::new(),
        }
    }

    /// Whether some directory reports no events.
    pub(super) fn needs_polling(&self) -> bool {
        self.watcher.is_none() || !self.failed.is_empty()
    }

    /// Watches exactly these directories. Returns whether any is new.
    pub(super) fn watch_only(&mut self, dirs: &BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        for gone in self.watched.difference(dirs) {
            // Fails if the directory is gone; then its watch is gone, too.
            let _ = watcher.unwatch(gone);
        }
        self.watched.retain(|dir| dirs.contains(dir));
        self.failed.retain(|dir| dirs.contains(dir));
        let mut more = false;
        for dir in dirs.difference(&self.watched.clone()) {
            match watcher.watch(dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.failed.remove(dir);
                    more |= self.watched.insert(dir.clone());
                }
                // It has just been removed; the watch on its parent reports it when it is back.
                Err(e) if matches!(e.kind, ErrorKind::PathNotFound) => more = true,
                Err(error) => {
                    if self.failed.insert(dir.clone()) {
                        warn(dir, &error);
                    }
                }
            }
        }
        more
    }

    /// Forgets `path` and everything below it. The path may lead to another directory by now, even one with the
    /// same inode number, so [`DirWatcher::watch_only`] must watch it again.
    pub(super) fn forget(&mut self, path: &Path) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        self.watched.retain(|dir| {
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
            "no inotify watches are left: polling instead; \
             help: raise the sysctl fs.inotify.max_user_watches"
        ),
        // Usual for directories above the home directory; the next poll sees changes there.
        _ => tracing::debug!(%dir, %error, "directory cannot be watched: polling instead"),
    }
}

/// What an event says about the files that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventClass {
    /// A read.
    Ignored,
    /// An entry, a mode or a length may be different.
    Changed,
    /// Content was written, or may have been through a mapping of the file, of which only the end is an event.
    Written,
    /// The name may lead to another file.
    Replaced,
}

/// Classifies an event.
pub(super) fn classify(event: &Event) -> EventClass {
    match event.kind {
        EventKind::Modify(ModifyKind::Data(_))
        | EventKind::Access(AccessKind::Close(AccessMode::Write)) => EventClass::Written,
        EventKind::Access(_) => EventClass::Ignored,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
            EventClass::Replaced
        }
        _ => EventClass::Changed,
    }
}
