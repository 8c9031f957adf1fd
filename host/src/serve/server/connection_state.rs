//! What connections share, and what one knows about its exchange.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use stackup_plugin::abi::host::{ClientCertificate, ClientRequest};
use tokio::sync::watch;

use super::Phase;
use super::answer::AnswerContext;
use super::client_wait::WaitState;
use super::connections::Connections;
use super::framing::Arrivals;
use super::interim::Interim;
use super::listen::Protocols;
use super::send_file::FileQueue;
use super::sending::Sending;
use super::upgrade::UpgradeSlot;

/// What all connections of a listener share.
#[derive(Debug)]
pub(super) struct ConnectionContext {
    pub(super) answers: AnswerContext,
    /// What its connections speak.
    pub(super) protocols: Protocols,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) connections: Arc<Connections>,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    pub(super) wait: WaitState,
    pub(super) sending: Sending,
    pub(super) upgrade: UpgradeSlot,
    pub(super) interim: Interim,
    pub(super) files: FileQueue,
    /// By which its client has identified itself.
    client_certificate: OnceLock<Arc<ClientCertificate>>,
    /// By which its requests find it: the server, and its own number there.
    address: (u64, u64),
    /// What the stream reads and the service asks about, both in the connection's own task.
    arrivals: Mutex<Arrivals>,
    unread_body: AtomicBool,
    /// Milliseconds for which the client may take nothing of the current response; `u64::MAX` is off.
    send_timeout: AtomicU64,
    /// How much the client's socket has taken, where TLS or HTTP/2 stands between.
    taken: AtomicU64,
    /// An [`EndedFor`], or 0.
    ended_for: AtomicU8,
}

/// Why the host ends a connection whose client lets it wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndedFor {
    /// The client took nothing for `send_timeout`.
    SendTimeout = 1,
    /// It sent nothing of a body for `body_timeout`.
    BodyTimeout = 2,
}

impl ConnectionState {
    /// A connection that has just been accepted. By `address` its requests find it: the server, and a number there.
    pub(super) fn accepted(address: (u64, u64)) -> Self {
        Self {
            wait: WaitState::accepted(),
            sending: Sending::default(),
            upgrade: UpgradeSlot::default(),
            interim: Interim::default(),
            files: FileQueue::default(),
            client_certificate: OnceLock::new(),
            address,
            arrivals: Mutex::default(),
            unread_body: AtomicBool::default(),
            send_timeout: AtomicU64::new(u64::MAX),
            taken: AtomicU64::default(),
            ended_for: AtomicU8::default(),
        }
    }

    /// The client has identified itself, once for all requests.
    pub(super) fn identify(&self, certificate: Arc<ClientCertificate>) {
        // There is one handshake.
        let _ = self.client_certificate.set(certificate);
    }

    /// By which the client has identified itself.
    #[inline]
    pub(super) fn client_certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.client_certificate.get()
    }

    /// Names the request that is open.
    pub(super) fn client_request(&self) -> ClientRequest {
        let (server, connection) = self.address;
        ClientRequest {
            server,
            connection,
            request: self.interim.request(),
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

    /// From now on the client may take nothing for this long.
    #[inline]
    pub(super) fn limit_sending(&self, timeout: Option<Duration>) {
        let timeout = timeout.map_or(u64::MAX, |time| time.as_millis() as u64);
        self.send_timeout.store(timeout, Ordering::Relaxed);
    }

    /// For how long the client may take nothing.
    pub(super) fn send_timeout(&self) -> Option<Duration> {
        let timeout = self.send_timeout.load(Ordering::Relaxed);
        (timeout != u64::MAX).then(|| Duration::from_millis(timeout))
    }

    /// The client's socket has taken this many bytes.
    pub(super) fn took(&self, bytes: usize) {
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How much the client's socket has taken; always 0 where hyper writes HTTP/1 to the socket itself.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
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
