//! Whether there is maintenance now.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whether there is maintenance now.
pub(crate) enum Switch {
    /// As the manifest says.
    Fixed(bool),
    /// While a file exists.
    File(Look),
}

/// Looks for a file now and then.
pub(crate) struct Look {
    file: Arc<PathBuf>,
    every: Duration,
    start: Instant,
    /// When somebody last began to look, in milliseconds after `start`, and one more; 0 before the first.
    last: AtomicU64,
    seen: AtomicBool,
}

impl Switch {
    /// What was seen last counts for so long as `every`.
    pub(crate) fn file(file: PathBuf, every: Duration) -> Self {
        // It is known before the first request comes; `init` may wait for a disk.
        let seen = AtomicBool::new(file.exists());
        Self::File(Look {
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

impl Look {
    async fn is_there(&self, now: Instant) -> bool {
        if self.is_due(now) {
            let file = Arc::clone(&self.file);
            // A slow disk holds up this request, and no thread of the host's.
            let there = blocking::unblock(move || file.exists()).await;
            self.seen.store(there, Ordering::Relaxed);
        }
        self.seen.load(Ordering::Relaxed)
    }

    /// Whether this request is the one that looks; the others take what was seen last.
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
    fn file_is_looked_for_now_and_then() {
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
