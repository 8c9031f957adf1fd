//! The end of a worker: what it waits for, and what it leaves behind.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::runtime::Runtime;

/// Ends the runtime and removes the directory of library copies. A reload that was cut short still makes a copy on a thread,
/// which holds the directory and would create it again: it gets as long as `limit`, as does a plugin that blocks its thread.
pub(super) fn leave_nothing(runtime: Runtime, copies: &Path, limit: Duration) {
    runtime.shutdown_timeout(limit);
    // Usually its owner has removed it. A failure only wastes space.
    let _ = fs::remove_dir_all(copies);
}

/// Whether the process at the other end of `line` has closed it.
pub(super) fn has_hung_up(line: &UnixStream) -> bool {
    let mut ends = [PollFd::new(line, PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let polled = poll(&mut ends, Some(&now));
    polled.is_ok() && ends[0].revents().contains(PollFlags::HUP)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::thread;

    use tokio::runtime::Builder;

    use super::*;
    use crate::load::library::{BaseDir, RuntimeDir};

    /// A runtime with a thread that holds a directory until `release` is dropped, and the path of that directory.
    fn reading(base: &Path, release: mpsc::Receiver<()>) -> (Runtime, PathBuf) {
        let base = BaseDir {
            path: base.to_path_buf(),
            variable: "TMPDIR",
        };
        let dir = RuntimeDir::create(&[base]).unwrap();
        let path = dir.path().to_path_buf();
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.spawn_blocking(move || {
            let _ = release.recv();
            drop(dir);
        });
        (runtime, path)
    }

    #[test]
    fn threads_may_end_first() {
        let base = tempfile::tempdir().unwrap();
        let (sender, receiver) = mpsc::channel::<()>();
        let (runtime, path) = reading(base.path(), receiver);
        let (ended, end) = mpsc::channel();
        runtime.spawn_blocking(move || {
            thread::yield_now();
            ended.send(()).unwrap();
        });
        let late = thread::spawn(move || drop(sender));
        leave_nothing(runtime, &path, Duration::from_secs(60));
        assert!(!path.exists());
        assert_eq!(end.try_recv(), Ok(()));
        late.join().unwrap();
    }

    #[test]
    fn copies_are_removed_though_a_thread_holds_them() {
        let base = tempfile::tempdir().unwrap();
        let (sender, receiver) = mpsc::channel();
        let (runtime, path) = reading(base.path(), receiver);
        leave_nothing(runtime, &path, Duration::ZERO);
        assert!(!path.exists());
        drop(sender);
    }

    #[test]
    fn closed_line_is_noticed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        assert!(!has_hung_up(&ours));
        drop(theirs);
        assert!(has_hung_up(&ours));
    }
}
