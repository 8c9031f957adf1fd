//! What connections share, and what one knows about its exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::Phase;
use super::send_deadline::SendDeadline;
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
    /// Whether each connection closes after its next response.
    pub(super) last: Arc<AtomicBool>,
}

/// The state of one connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionState {
    pub(super) send_deadline: SendDeadline,
    unread_body: AtomicBool,
}

impl ConnectionState {
    /// Whether the rest of a request's body is not read, so that the connection must close, and not at once.
    pub(super) fn has_unread_body(&self) -> bool {
        self.unread_body.load(Ordering::Acquire)
    }

    /// The rest of a request's body is not read.
    pub(super) fn leave_body_unread(&self) {
        self.unread_body.store(true, Ordering::Release);
    }
}
