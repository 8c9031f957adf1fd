//! The state of every thread that runs handlers, and the host polls they are in.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::context::{HandlerContext, LeakedContext};
use crate::abi::tables::ContextObject;
use crate::abi::thread_state::ThreadState;

/// The state that plugins write, and the host's additions. On its own cache lines: one thread writes
/// each one often.
#[repr(C, align(128))]
pub(super) struct ThreadRecord {
    shared: ThreadState,
    /// The polled generation's number plus one; 0 outside a poll.
    polled: AtomicU64,
    /// Counts the polls, so that an observer can tell one from the next.
    polls: AtomicU64,
}

impl ThreadRecord {
    const fn new() -> Self {
        Self {
            shared: ThreadState::new(),
            polled: AtomicU64::new(0),
            polls: AtomicU64::new(0),
        }
    }

    /// The handler running on the thread.
    pub(super) fn running(&self) -> Option<&'static LeakedContext> {
        leaked_context(self.shared.running())
    }

    /// The polled generation; 0 if there is none or it is unknown.
    pub(super) fn generation(&self) -> u64 {
        self.polled.load(Ordering::Relaxed).saturating_sub(1)
    }
}

/// The handler behind a pointer in a thread state.
fn leaked_context(context: *const ContextObject) -> Option<&'static LeakedContext> {
    // SAFETY: null, or a leaked context, which is never freed.
    unsafe { context.cast::<LeakedContext>().as_ref() }
}

#[derive(Default)]
struct Threads {
    all: Vec<&'static ThreadRecord>,
    /// The records of threads that have ended.
    free: Vec<&'static ThreadRecord>,
}

static THREADS: Mutex<Option<Threads>> = Mutex::new(None);

/// For threads that are exiting while their destructors still call a plugin. Several may share it:
/// that can put a wrong name in the log, and nothing else reads it.
static EXITING: ThreadRecord = ThreadRecord::new();

thread_local! {
    /// Has no destructor, so that a signal handler may read it.
    static CURRENT: Cell<Option<&'static ThreadRecord>> = const { Cell::new(None) };
    static LEASE: Lease = const { Lease };
}

/// Returns a thread's record when the thread ends.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(record) = CURRENT.get() else { return };
        // A handler that still runs has called `exit`: the crash report needs its name.
        if record.running().is_none() {
            CURRENT.set(None);
            lock_threads().get_or_insert_default().free.push(record);
        }
    }
}

fn lock_threads() -> MutexGuard<'static, Option<Threads>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread's record.
#[inline]
pub(super) fn current() -> &'static ThreadRecord {
    CURRENT.get().unwrap_or_else(register)
}

/// This thread's record, if it has one. Safe to call in a signal handler.
pub(super) fn current_if_any() -> Option<&'static ThreadRecord> {
    CURRENT.get()
}

#[cold]
fn register() -> &'static ThreadRecord {
    let record = match LEASE.try_with(|_| ()) {
        Ok(()) => {
            let mut threads = lock_threads();
            let threads = threads.get_or_insert_default();
            threads.free.pop().unwrap_or_else(|| {
                let record: &'static ThreadRecord = Box::leak(Box::new(ThreadRecord::new()));
                threads.all.push(record);
                record
            })
        }
        Err(_) => &EXITING,
    };
    CURRENT.set(Some(record));
    record
}

pub(super) unsafe extern "C" fn thread_state() -> &'static ThreadState {
    &current().shared
}

/// Runs `poll` as a poll by the host for this generation (0 if unknown). Also returns the innermost
/// handler that returned `Pending`.
#[inline]
pub fn record_poll<R>(
    generation: u64,
    poll: impl FnOnce() -> R,
) -> (R, Option<&'static HandlerContext>) {
    let root = HostPoll::enter(generation);
    let output = poll();
    let waiting = leaked_context(root.record.shared.take_waiting());
    (output, waiting.map(|leaked| &leaked.context))
}

/// A poll by the host. Dropping it returns to the enclosing poll, if any.
struct HostPoll {
    record: &'static ThreadRecord,
    polled: u64,
}

impl HostPoll {
    #[inline]
    fn enter(generation: u64) -> Self {
        let record = current();
        let polled = record.polled.load(Ordering::Relaxed);
        let polls = record.polls.load(Ordering::Relaxed);
        record.polls.store(polls.wrapping_add(1), Ordering::Relaxed);
        record.polled.store(generation + 1, Ordering::Relaxed);
        // Clears the handler that waits in the enclosing poll.
        record.shared.take_waiting();
        Self { record, polled }
    }
}

impl Drop for HostPoll {
    #[inline]
    fn drop(&mut self) {
        self.record.polled.store(self.polled, Ordering::Relaxed);
    }
}

/// The generation polled on this thread; 0 if there is none or it is unknown.
pub(super) fn generation() -> u64 {
    current().generation()
}

/// A handler that a thread is polling.
#[derive(Clone, Copy, Debug)]
pub struct RunningHandler {
    /// Counts from 0; a later thread may reuse the number of one that has ended.
    pub thread: usize,
    /// Identifies the poll: it changes with each one.
    pub poll: u64,
    /// The polled generation; 0 if unknown.
    pub generation: u64,
    /// The running handler.
    pub handler: &'static HandlerContext,
}

/// The handlers being polled now, on all threads. Code that runs outside a poll, such as `init`, is
/// not included.
pub fn running_handlers() -> Vec<RunningHandler> {
    let threads = lock_threads();
    let all = threads.iter().flat_map(|threads| &threads.all);
    all.enumerate()
        .filter_map(|(thread, record)| {
            let poll = record.polls.load(Ordering::Relaxed);
            let generation = record.polled.load(Ordering::Relaxed).checked_sub(1)?;
            let handler = &record.running()?.context;
            // The values read are consistent if it is still the same poll.
            (record.polls.load(Ordering::Relaxed) == poll).then_some(RunningHandler {
                thread,
                poll,
                generation,
                handler,
            })
        })
        .collect()
}

#[cfg(test)]
#[path = "threads_tests.rs"]
mod tests;
