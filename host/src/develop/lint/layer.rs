//! One layer's part in a request, as far as its rules go.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::{Kind, Offence, Print, held_back};

/// Who answers for a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// As the manifest names it.
    pub(super) handler: String,
    /// The fingerprint of its library.
    pub(super) code: String,
}

impl Culprit {
    /// The handler of this name, with this fingerprint.
    pub fn new(handler: &str, code: &str) -> Self {
        let (handler, code) = (handler.to_owned(), code.to_owned());
        Self { handler, code }
    }
}

/// A layer that is at work on a request, or whose body is under way.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) culprit: Arc<Culprit>,
    /// Whether it was asked for a head alone.
    pub(super) is_head: bool,
    /// Bytes of the request's body that were read of what it was given, by it or below it.
    pub(super) read: Arc<AtomicU64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is wrong with the request that it was given.
    asked: Vec<Kind>,
    /// What is wrong with its response.
    answered: Vec<Kind>,
    /// The layers that have answered it, the last one last.
    below: Vec<Arc<Layer>>,
    /// Its response's body, all of it once it has ended.
    print: Print,
    /// Whether that body's size was not known before.
    streams: bool,
    /// Chunks and bytes that it has taken since it gave something.
    held: (u64, u64),
}

impl Layer {
    pub(super) fn new(culprit: Arc<Culprit>, is_head: bool) -> Self {
        Self {
            culprit,
            is_head,
            read: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// Notes what is wrong with the request that it was given; whether the one before was so, too, is asked there.
    pub(super) fn was_asked(&self, kind: Kind) {
        self.state().asked.push(kind);
    }

    /// Whether the request that it was given was wrong like this.
    pub(super) fn is_asked(&self, kind: Kind) -> bool {
        self.state().asked.contains(&kind)
    }

    /// Notes what is wrong with its response. Whether that is new, and its own fault, not that of the layer below.
    pub(super) fn is_to_blame(&self, kind: Kind) -> bool {
        let mut state = self.state();
        if state.answered.contains(&kind) {
            return false;
        }
        state.answered.push(kind);
        let below = state.below.clone();
        drop(state);
        !below
            .iter()
            .any(|below| below.state().answered.contains(&kind))
    }

    /// The layer below has answered it.
    pub(super) fn is_answered_by(&self, below: &Arc<Self>) {
        self.state().below.push(Arc::clone(below));
    }

    /// Its response's body begins.
    pub(super) fn begins(&self, streams: bool, print: &Print) {
        let mut state = self.state();
        state.streams = streams;
        state.print = print.clone();
    }

    /// `reader`'s own code takes a chunk of this layer's body.
    pub(super) fn is_read_by(self: &Arc<Self>, reader: &Self, bytes: u64) {
        if !self.state().streams {
            return;
        }
        let mut state = reader.state();
        if state.below.iter().any(|below| Arc::ptr_eq(below, self)) {
            state.held.0 += 1;
            state.held.1 += bytes;
        }
    }

    /// It gives something, or ends: what it has taken until now is no longer held back.
    pub(super) fn gives(&self) -> Option<Offence> {
        let (chunks, bytes) = std::mem::take(&mut self.state().held);
        held_back(chunks, bytes)
    }

    /// Its body has ended, and was this.
    pub(super) fn ends(&self, print: &Print) -> Option<Offence> {
        let mut state = self.state();
        state.print = print.clone();
        let below = state.below.last().cloned();
        drop(state);
        print.made_of(&below?.state().print)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
