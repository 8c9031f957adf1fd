//! What connections share, and what one knows about its exchange.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Phase;
use super::client_wait::WaitState;
use super::connections::Connections;
use super::framing::Arrivals;
use super::sending::Sending;
use crate::serve::generation::Active;
use crate::serve::observe::Observer;

/// What all connections of a listener share.
#[derive(Debug)]
pub(super) struct ConnectionContext {
    pub(super) active: Arc<Active>,
    pub(super) show_errors: bool,
    /// Observes requests, in development.
    pub(super) observer: Option<Arc<dyn Observer>>,
    /// Whether each connection begins with a header of the PROXY protocol.
    pub(super) proxy_protocol: bool,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) connections: Arc<Connections>,
    /// Whether each connection closes after its next response.
    pub(super) last: Arc<AtomicBool>,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    pub(super) wait: WaitState,
    pub(super) sending: Sending,
    /// What the stream reads and the service asks about, both in the connection's own task.
    arrivals: Mutex<Arrivals>,
    unread_body: AtomicBool,
    /// An [`EndedFor`], or 0.
    ended_for: AtomicU8,
}

/// Why the host ends a connection whose client lets it wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndedFor {
    /// The client took nothing for `[limits] send_timeout`.
    SendTimeout = 1,
    /// It sent nothing of a body for `[limits] body_timeout`.
    BodyTimeout = 2,
}

impl ConnectionState {
    /// A connection that has just been accepted.
    pub(super) fn accepted() -> Self {
        Self {
            wait: WaitState::accepted(),
            sending: Sending::default(),
            arrivals: Mutex::default(),
            unread_body: AtomicBool::default(),
            ended_for: AtomicU8::default(),
        }
    }

    /// The bytes that have arrived.
    pub(super) fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the rest of a request's body is not read, so that the connection must close, and not at once.
    pub(super) fn has_unread_body(&self) -> bool {
        self.unread_body.load(Ordering::Acquire)
    }

    /// The rest of a request's body is not read.
    pub(super) fn leave_body_unread(&self) {
        self.unread_body.store(true, Ordering::Release);
    }

    /// The connection is to end for this.
    pub(super) fn end_for(&self, reason: EndedFor) {
        self.ended_for.store(reason as u8, Ordering::Relaxed);
    }

    /// Why the connection is to end.
    pub(super) fn ended_for(&self) -> Option<EndedFor> {
        match self.ended_for.load(Ordering::Relaxed) {
            1 => Some(EndedFor::SendTimeout),
            2 => Some(EndedFor::BodyTimeout),
            _ => None,
        }
    }
}
