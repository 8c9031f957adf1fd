//! What lint knows of one layer at work on one request.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::{BodyDigest, Kind, Violation, check_buffering};

use super::values::Received;

/// A handler's code: the one that lint reports for a violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerId {
    /// Its name in the manifest.
    pub(super) handler: String,
    /// The fingerprint of its library.
    pub(super) fingerprint: String,
}

impl HandlerId {
    /// Names the handler and the fingerprint of its library.
    pub fn new(handler: &str, fingerprint: &str) -> Self {
        let (handler, fingerprint) = (handler.to_owned(), fingerprint.to_owned());
        Self {
            handler,
            fingerprint,
        }
    }
}

/// A layer at work on a request, until its response's body has ended.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) handler: Arc<HandlerId>,
    /// Whether the request is a HEAD request.
    pub(super) is_head: bool,
    /// Bytes of the request's body read by this layer and the layers below it.
    pub(super) read: Arc<AtomicU64>,
    /// The values in the request that it received.
    pub(super) values: Received,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Violations in the request that the layer received.
    in_request: Vec<Kind>,
    /// Violations in the response that it returned.
    in_response: Vec<Kind>,
    /// The layers below that have answered it, in order.
    below: Vec<Arc<Layer>>,
    /// Its response's body, complete once the body has ended.
    digest: BodyDigest,
    /// Whether that body's size is unknown in advance.
    streams: bool,
    /// Chunks and bytes that the layer has taken from below since it last gave a chunk.
    held: (u64, u64),
}

impl Layer {
    pub(super) fn new(handler: Arc<HandlerId>, is_head: bool, values: Received) -> Self {
        Self {
            handler,
            is_head,
            read: Arc::default(),
            values,
            state: Mutex::default(),
        }
    }

    /// Notes a violation in the request that the layer received.
    pub(super) fn note_request(&self, kind: Kind) {
        self.state().in_request.push(kind);
    }

    /// Whether the request that the layer received had this violation already.
    pub(super) fn received(&self, kind: Kind) -> bool {
        self.state().in_request.contains(&kind)
    }

    /// Notes a violation in its response. Returns whether this layer caused it: it is new, and no layer below has it.
    pub(super) fn note_response(&self, kind: Kind) -> bool {
        let mut state = self.state();
        if state.in_response.contains(&kind) {
            return false;
        }
        state.in_response.push(kind);
        let below = state.below.clone();
        drop(state);
        !below
            .iter()
            .any(|below| below.state().in_response.contains(&kind))
    }

    /// The layer `below` has answered this one.
    pub(super) fn add_below(&self, below: &Arc<Self>) {
        self.state().below.push(Arc::clone(below));
    }

    /// Its response's body starts.
    pub(super) fn body_started(&self, streams: bool, digest: &BodyDigest) {
        let mut state = self.state();
        state.streams = streams;
        state.digest = digest.clone();
    }

    /// `reader`'s own code has taken a chunk of this layer's body.
    pub(super) fn read_by(self: &Arc<Self>, reader: &Self, bytes: u64) {
        if !self.state().streams {
            return;
        }
        let mut state = reader.state();
        if state.below.iter().any(|below| Arc::ptr_eq(below, self)) {
            state.held.0 += 1;
            state.held.1 += bytes;
        }
    }

    /// The layer gives a chunk or ends: it no longer holds back what it has taken so far.
    pub(super) fn gave(&self) -> Option<Violation> {
        let (chunks, bytes) = std::mem::take(&mut self.state().held);
        check_buffering(chunks, bytes)
    }

    /// Its body has ended, with these bytes.
    pub(super) fn body_ended(&self, digest: &BodyDigest) -> Option<Violation> {
        let mut state = self.state();
        state.digest = digest.clone();
        let below = state.below.last().cloned();
        drop(state);
        digest.check_against(&below?.state().digest)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
