//! What one connection waits for from its client, and since when.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use super::clock;
use crate::policy::ClientWait;

/// Written by the connection with relaxed stores, read by whoever looks for connections that can make room.
#[derive(Debug)]
pub(super) struct WaitState {
    now: AtomicU64,
    /// The state in which the connection was asked to make room.
    asked: AtomicU64,
    /// Wakes the connection's task.
    waker: OnceLock<Waker>,
}

/// A moment of a [`WaitState`]: milliseconds above three bits of what it waits for.
type Word = u64;

/// A handler works on a request, or waits for something else than the client.
const BUSY: Word = 0;
/// The response has ended, and the system may not have all of it.
const ANSWERED: Word = 1;

/// In place of the state in which a connection is asked to make room: it ends in any.
const CUT: Word = u64::MAX;

const fn code(wait: ClientWait) -> Word {
    match wait {
        ClientWait::Idle => 2,
        ClientWait::Close => 3,
        ClientWait::Head => 4,
        ClientWait::Body => 5,
        ClientWait::Send => 6,
    }
}

fn wait_of(word: Word) -> Option<(ClientWait, u64)> {
    let wait = match word & 7 {
        2 => ClientWait::Idle,
        3 => ClientWait::Close,
        4 => ClientWait::Head,
        5 => ClientWait::Body,
        6 => ClientWait::Send,
        _ => return None,
    };
    Some((wait, word >> 3))
}

impl WaitState {
    /// A connection that has just been accepted waits for a head.
    pub(super) fn accepted() -> Self {
        Self {
            now: AtomicU64::new(clock::now() << 3 | code(ClientWait::Head)),
            asked: AtomicU64::default(),
            waker: OnceLock::new(),
        }
    }

    /// What it waits for, and since when.
    pub(super) fn get(&self) -> Option<(ClientWait, u64)> {
        wait_of(self.word())
    }

    /// It begins to wait for the client.
    pub(super) fn waits(&self, wait: ClientWait) {
        let word = clock::now() << 3 | code(wait);
        self.now.store(word, Ordering::Relaxed);
    }

    /// A request has begun, or goes on.
    pub(super) fn busy(&self) {
        self.now.store(BUSY, Ordering::Relaxed);
    }

    /// The response has ended.
    pub(super) fn answered(&self) {
        self.now.store(ANSWERED, Ordering::Relaxed);
    }

    /// Whether a request has begun whose response has not ended.
    pub(super) fn has_request(&self) -> bool {
        match self.word() {
            BUSY => true,
            word => matches!(
                wait_of(word),
                Some((ClientWait::Body | ClientWait::Send, _))
            ),
        }
    }

    /// A write has to wait for the client. Returns whether a request is in progress.
    pub(super) fn send_blocks(&self) -> bool {
        let has_request = self.has_request();
        self.waits(ClientWait::Send);
        has_request
    }

    /// The client takes something again. `has_request` is what [`send_blocks`](Self::send_blocks) returned.
    pub(super) fn sends_again(&self, has_request: bool) {
        if let Some((ClientWait::Send, _)) = self.get() {
            match has_request {
                true => self.busy(),
                false => self.answered(),
            }
        }
    }

    /// A handler gets more of the body, or needs no more.
    pub(super) fn reads_again(&self) {
        if let Some((ClientWait::Body, _)) = self.get() {
            self.busy();
        }
    }

    /// The system has everything that was to be sent.
    pub(super) fn flushed(&self) {
        if self.word() == ANSWERED {
            self.waits(ClientWait::Idle);
        }
    }

    /// A part of something has arrived, and the rest has not.
    pub(super) fn reads_part(&self) {
        if let Some((ClientWait::Idle, _)) = self.get() {
            self.waits(ClientWait::Head);
        }
    }

    /// Asks the connection to make room, unless its client goes on.
    pub(super) fn ask_for_room(&self) {
        self.asked.store(self.word(), Ordering::Release);
        self.wake();
    }

    /// Has the connection end, whatever it does.
    pub(super) fn cut(&self) {
        self.asked.store(CUT, Ordering::Release);
        self.wake();
    }

    /// Wakes the connection's task.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// Whether it was cut.
    pub(super) fn is_cut(&self) -> bool {
        self.asked.load(Ordering::Acquire) == CUT
    }

    /// Whether the connection was cut, or asked to make room, and its client has let it wait since. Has the connection woken
    /// when it is asked; a task's waker stays the same.
    pub(super) fn is_asked_for_room(&self, cx: &Context<'_>) -> bool {
        if self.waker.get().is_none() {
            let _ = self.waker.set(cx.waker().clone());
        }
        let asked = self.asked.load(Ordering::Acquire);
        asked == CUT || (wait_of(asked).is_some() && asked == self.word())
    }

    fn word(&self) -> Word {
        self.now.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_goes_from_head_to_idle() {
        let state = WaitState::accepted();
        let wait = |state: &WaitState| state.get().map(|(wait, _)| wait);
        assert_eq!(wait(&state), Some(ClientWait::Head));
        state.busy();
        state.reads_part();
        state.flushed();
        assert_eq!(
            wait(&state),
            None,
            "a part of the body, an interim response"
        );
        state.answered();
        assert_eq!(wait(&state), None);
        state.flushed();
        assert_eq!(wait(&state), Some(ClientWait::Idle));
        state.reads_part();
        assert_eq!(wait(&state), Some(ClientWait::Head));
    }

    #[test]
    fn connection_that_goes_on_keeps_its_place() {
        let cx = Context::from_waker(Waker::noop());
        let state = WaitState::accepted();
        assert!(!state.is_asked_for_room(&cx));
        state.ask_for_room();
        assert!(state.is_asked_for_room(&cx));
        state.busy();
        assert!(!state.is_asked_for_room(&cx));
    }
}
