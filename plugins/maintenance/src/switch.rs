//! Whether maintenance is on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whether maintenance is on.
pub(crate) enum Switch {
    /// Set in the manifest.
    Fixed(bool),
    /// On while a file exists.
    File(FlagFile),
}

/// A file whose existence is checked at intervals.
pub(crate) struct FlagFile {
    file: Arc<PathBuf>,
    every: Duration,
    start: Instant,
    /// The time of the last check, in milliseconds after `start`, plus one; 0 before the first.
    last: AtomicU64,
    seen: AtomicBool,
}

impl Switch {
    /// Checks for the file at most once in each interval `every`.
    pub(crate) fn file(file: PathBuf, every: Duration) -> Self {
        // The first check runs in `init`, which may block.
        let seen = AtomicBool::new(file.exists());
        Self::File(FlagFile {
            file: Arc::new(file),
            every,
            start: Instant::now(),
            last: AtomicU64::new(0),
            seen,
        })
    }

    pub(crate) async fn is_on(&self) -> bool {
        match self {
            Self::Fixed(enabled) => *enabled,
            Self::File(look) => look.is_there(Instant::now()).await,
        }
    }
}

impl FlagFile {
    async fn is_there(&self, now: Instant) -> bool {
        if self.is_due(now) {
            let file = Arc::clone(&self.file);
            // A slow disk delays this request, but blocks no thread of the host.
            let there = blocking::unblock(move || file.exists()).await;
            self.seen.store(there, Ordering::Relaxed);
        }
        self.seen.load(Ordering::Relaxed)
    }

    /// Whether this request checks the file; others use the last result.
    fn is_due(&self, now: Instant) -> bool {
        let now = now.saturating_duration_since(self.start).as_millis() as u64 + 1;
        let last = self.last.load(Ordering::Relaxed);
        let due = now.saturating_sub(last) >= self.every.as_millis() as u64;
        let swap = |now| {
            self.last
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
        };
        due && (self.every.is_zero() || swap(now).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use stackup_plugin::testing::block_on;

    use super::*;

    #[test]
    fn file_is_checked_at_intervals() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("flag");
        let Switch::File(look) = Switch::file(file.clone(), Duration::from_secs(10)) else {
            panic!("a switch with a file");
        };
        let at = |seconds: u64| block_on(look.is_there(look.start + Duration::from_secs(seconds)));
        assert!(!at(10));
        fs::write(&file, "").unwrap();
        assert!(!at(19));
        assert!(at(20));
        fs::remove_file(&file).unwrap();
        assert!(at(29));
        assert!(!at(31));
    }
}
