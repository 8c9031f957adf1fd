//! The log's way to stderr. A write never waits for the reader of stderr, which may be a stalled log shipper, a pager,
//! or a terminal after Ctrl-S.
//!
//! Each line is written at once, so that no line is lost when the process crashes after it. Only what stderr does not
//! take waits in a queue, which a thread writes. The queue is bounded; lines beyond it are dropped, counted, and reported
//! in their place.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::stdio::stderr;

/// Bytes that may wait.
const LIMIT: usize = 1 << 20;

/// Between two checks of a descriptor that may not wake its poll.
const POLL_AGAIN: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Before another attempt where nothing could be written.
const PAUSE: Duration = Duration::from_millis(10);

/// Makes the line that reports dropped lines.
type Report = Box<dyn Fn(u64) -> String + Send + Sync>;

/// Where lines are written, and those that wait.
#[derive(Clone)]
pub(super) struct LogOutput(Arc<Shared>);

struct Shared {
    target: Target,
    limit: usize,
    report: Report,
    queue: Mutex<Queue>,
    /// Notified when the queue gets a line, and when it is empty.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    /// The bytes of `lines`, and of the line that is being written.
    bytes: usize,
    /// Whether the thread is writing a line.
    writing: bool,
    has_thread: bool,
    dropped: u64,
}

/// How to write without waiting.
enum Target {
    /// A file: it takes everything.
    File,
    /// A pipe or a terminal, opened again: stderr itself is shared with other processes and must stay as it is.
    Reopened(OwnedFd),
    /// A socket, as of systemd's journal.
    Socket,
    /// What can't be opened again: only the thread writes.
    Unknown,
}

impl LogOutput {
    /// Writes to stderr.
    pub(super) fn stderr(report: Report) -> Self {
        Self::new(Target::of(stderr()), LIMIT, report)
    }

    fn new(target: Target, limit: usize, report: Report) -> Self {
        Self(Arc::new(Shared {
            target,
            limit,
            report,
            queue: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Writes a line, or a piece of text, without waiting. A line of up to 4096 bytes does not mix with those of other
    /// processes.
    pub(super) fn write(&self, line: &[u8]) {
        let mut queue = self.0.queue();
        if !queue.is_idle() {
            self.0.push(&mut queue, line);
        } else {
            let written = self.0.target.try_write(line);
            if written == line.len() {
                return;
            }
            // The end of a line that was begun is never dropped.
            queue.add(line[written..].to_vec());
        }
        if !queue.has_thread {
            queue.has_thread = self.start_thread();
        }
        drop(queue);
        self.0.changed.notify_all();
    }

    /// Waits until all lines are written, for at most `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let queue = self.0.queue();
        let waits = |queue: &mut Queue| !queue.is_idle();
        drop(self.0.changed.wait_timeout_while(queue, limit, waits));
    }

    fn start_thread(&self) -> bool {
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("log".to_owned());
        // Without a thread, the next line tries again.
        thread.spawn(move || shared.write_queue()).is_ok()
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line if there is room. Once lines are dropped, half of the queue must be written first.
    fn push(&self, queue: &mut Queue, line: &[u8]) {
        let limit = match queue.dropped {
            0 => self.limit,
            _ => self.limit / 2,
        };
        if queue.bytes + line.len() > limit {
            queue.dropped += 1;
            return;
        }
        self.report_dropped(queue);
        queue.add(line.to_vec());
    }

    fn report_dropped(&self, queue: &mut Queue) {
        if queue.dropped > 0 {
            let report = (self.report)(std::mem::take(&mut queue.dropped));
            queue.add(report.into_bytes());
        }
    }

    /// Writes what waits, line by line, for the life of the process.
    fn write_queue(&self) {
        let mut queue = self.queue();
        loop {
            if let Some(line) = queue.lines.pop_front() {
                queue.writing = true;
                drop(queue);
                self.target.write_all(&line);
                queue = self.queue();
                queue.writing = false;
                queue.bytes -= line.len();
            } else if queue.dropped > 0 {
                self.report_dropped(&mut queue);
            } else {
                self.changed.notify_all();
                let waited = self.changed.wait(queue);
                queue = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Queue {
    /// Whether nothing waits or is being written.
    fn is_idle(&self) -> bool {
        self.lines.is_empty() && !self.writing
    }

    fn add(&mut self, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push_back(line);
    }
}

impl Target {
    fn of(descriptor: BorrowedFd<'_>) -> Self {
        let Ok(status) = fstat(descriptor) else {
            return Self::Unknown;
        };
        match FileType::from_raw_mode(status.st_mode) {
            FileType::RegularFile => Self::File,
            FileType::Socket => Self::Socket,
            FileType::Fifo | FileType::CharacterDevice => {
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
                let reopened = open(path.as_str(), flags, Mode::empty());
                reopened.map_or(Self::Unknown, Self::Reopened)
            }
            _ => Self::Unknown,
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Reopened(descriptor) => descriptor.as_fd(),
            Self::File | Self::Socket | Self::Unknown => stderr(),
        }
    }

    /// Writes as much as possible without waiting. Text that can't be written at all counts as written: there is no
    /// place to report it.
    fn try_write(&self, text: &[u8]) -> usize {
        let mut written = 0;
        while written < text.len() {
            match self.write_some(&text[written..]) {
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return written,
                Err(_) => return text.len(),
            }
        }
        written
    }

    fn write_some(&self, text: &[u8]) -> rustix::io::Result<usize> {
        match self {
            Self::File | Self::Reopened(_) => rustix::io::write(self.descriptor(), text),
            Self::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                rustix::net::send(self.descriptor(), text, flags)
            }
            Self::Unknown => Err(Errno::AGAIN),
        }
    }

    /// Writes all, and waits for the reader.
    fn write_all(&self, text: &[u8]) {
        if let Self::Unknown = self {
            let _ = io::Write::write_all(&mut io::stderr().lock(), text);
            return;
        }
        let mut written = self.try_write(text);
        while written < text.len() {
            let descriptor = self.descriptor();
            let mut ready = [PollFd::new(&descriptor, PollFlags::OUT)];
            let _ = poll(&mut ready, Some(&POLL_AGAIN));
            match self.try_write(&text[written..]) {
                // Some descriptors say that they are ready, and are not.
                0 => thread::sleep(PAUSE),
                more => written += more,
            }
        }
    }
}

#[cfg(test)]
#[path = "log_output_tests.rs"]
mod tests;
