//! The notes of all threads, and the polls of the host's that they are in.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::context::{HandlerContext, Station};
use crate::abi::tables::ContextObject;
use crate::abi::thread_state::ThreadNote;

/// A thread's note and what the host adds to it. On cache lines of its own: each is written often,
/// by one thread.
#[repr(C, align(128))]
pub(super) struct Note {
    shared: ThreadNote,
    /// One more than the number of the generation that is polled; 0 outside of a poll.
    polled: AtomicU64,
    /// Counts the polls, so that an onlooker knows one from the next.
    polls: AtomicU64,
}

impl Note {
    const fn new() -> Self {
        Self {
            shared: ThreadNote::new(),
            polled: AtomicU64::new(0),
            polls: AtomicU64::new(0),
        }
    }

    /// The handler that runs on the thread.
    pub(super) fn running(&self) -> Option<&'static Station> {
        station(self.shared.running())
    }

    /// The generation that is polled; 0 where none is or it is not known.
    pub(super) fn generation(&self) -> u64 {
        self.polled.load(Ordering::Relaxed).saturating_sub(1)
    }
}

/// The handler behind a pointer in a note.
fn station(context: *const ContextObject) -> Option<&'static Station> {
    // SAFETY: null, or a station, which is never freed.
    unsafe { context.cast::<Station>().as_ref() }
}

#[derive(Default)]
struct Notes {
    all: Vec<&'static Note>,
    /// Those of threads that have ended.
    free: Vec<&'static Note>,
}

static NOTES: Mutex<Option<Notes>> = Mutex::new(None);

/// For a thread that is about to end, whose destructors still call a handler's library. Several may
/// share it: that mixes up names in the log, and nobody else reads it.
static LATE: Note = Note::new();

thread_local! {
    /// Without a destructor, so that a signal handler may read it.
    static HERE: Cell<Option<&'static Note>> = const { Cell::new(None) };
    static LEASE: Lease = const { Lease };
}

/// Gives a thread's note back when the thread ends.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(note) = HERE.get() else { return };
        // A handler that still runs has called `exit`: the last words want to know.
        if note.running().is_none() {
            HERE.set(None);
            notes().get_or_insert_default().free.push(note);
        }
    }
}

fn notes() -> MutexGuard<'static, Option<Notes>> {
    NOTES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread's note.
#[inline]
pub(super) fn here() -> &'static Note {
    HERE.get().unwrap_or_else(first)
}

/// This thread's note, if it has one. Safe to call in a signal handler.
pub(super) fn noted() -> Option<&'static Note> {
    HERE.get()
}

#[cold]
fn first() -> &'static Note {
    let note = match LEASE.try_with(|_| ()) {
        Ok(()) => {
            let mut notes = notes();
            let notes = notes.get_or_insert_default();
            notes.free.pop().unwrap_or_else(|| {
                let note: &'static Note = Box::leak(Box::new(Note::new()));
                notes.all.push(note);
                note
            })
        }
        Err(_) => &LATE,
    };
    HERE.set(Some(note));
    note
}

pub(super) unsafe extern "C" fn thread_note() -> &'static ThreadNote {
    &here().shared
}

/// Runs `poll` as a poll of the host's for this generation, 0 where it is not known. Returns the
/// innermost handler that had to wait in it, too.
#[inline]
pub fn polling<R>(
    generation: u64,
    poll: impl FnOnce() -> R,
) -> (R, Option<&'static HandlerContext>) {
    let root = Root::enter(generation);
    let output = poll();
    let waiting = station(root.note.shared.take_waiting());
    (output, waiting.map(|station| &station.context))
}

/// A poll of the host's; the one that it is within goes on when it drops.
struct Root {
    note: &'static Note,
    polled: u64,
}

impl Root {
    #[inline]
    fn enter(generation: u64) -> Self {
        let note = here();
        let polled = note.polled.load(Ordering::Relaxed);
        let polls = note.polls.load(Ordering::Relaxed);
        note.polls.store(polls.wrapping_add(1), Ordering::Relaxed);
        note.polled.store(generation + 1, Ordering::Relaxed);
        // What waited in a poll that this one is within.
        note.shared.take_waiting();
        Self { note, polled }
    }
}

impl Drop for Root {
    #[inline]
    fn drop(&mut self) {
        self.note.polled.store(self.polled, Ordering::Relaxed);
    }
}

/// The number of the generation that is polled on this thread; 0 where none is or it is not known.
pub(super) fn generation() -> u64 {
    here().generation()
}

/// A handler in a poll of the host's, on some thread.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    /// Counts from 0; another thread may have the number when this one has ended.
    pub thread: usize,
    /// Which of its polls; another number is another poll.
    pub poll: u64,
    /// The generation that is polled; 0 where it is not known.
    pub generation: u64,
    /// The handler whose code runs.
    pub handler: &'static HandlerContext,
}

/// The handlers that are being polled now, on all threads. What runs outside of a poll, as `init`
/// does, is not among them.
pub fn busy() -> Vec<Busy> {
    let notes = notes();
    let all = notes.iter().flat_map(|notes| &notes.all);
    all.enumerate()
        .filter_map(|(thread, note)| {
            let poll = note.polls.load(Ordering::Relaxed);
            let generation = note.polled.load(Ordering::Relaxed).checked_sub(1)?;
            let handler = &note.running()?.context;
            // What was read belongs together if it is still the same poll.
            (note.polls.load(Ordering::Relaxed) == poll).then_some(Busy {
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
