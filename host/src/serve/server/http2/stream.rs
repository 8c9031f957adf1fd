//! A stream of HTTP/2 as the transport of one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::request::Parts;
use stackup_plugin::abi::host::{ClientCertificate, UpgradeOffer};
use tokio::sync::watch;

use super::extended_connect::ExtendedConnect;
use super::streams::{StreamWait, Streams};
use super::upgrade::OfferedStream;
use crate::serve::server::Phase;
use crate::serve::server::connection_state::{ConnectionState, EndedFor};
use crate::serve::server::response_guard::SentResponse;
use crate::serve::server::sending::Sending;
use crate::serve::server::transport::Transport;
use crate::serve::server::upgrade::Offered;

/// One request and its response.
#[derive(Debug, Clone)]
pub(super) struct Stream(Arc<State>);

#[derive(Debug)]
struct State {
    streams: Arc<Streams>,
    sending: Sending,
    /// Milliseconds for which the client may take nothing; `u64::MAX` is off.
    send_timeout: AtomicU64,
    /// How many frames hyper has of the response's body.
    frames: AtomicU64,
    /// Whether the next move is the client's: hyper has a frame, and has asked for no other.
    has_frame: AtomicBool,
    /// Whether the response has begun.
    responds: AtomicBool,
    /// Whether the client took nothing for too long.
    timed_out: AtomicBool,
}

impl Drop for State {
    fn drop(&mut self) {
        self.streams.end(!*self.responds.get_mut());
    }
}

impl Stream {
    pub(super) fn begin(streams: &Arc<Streams>) -> Self {
        streams.begin();
        Self(Arc::new(State {
            streams: Arc::clone(streams),
            sending: Sending::default(),
            send_timeout: AtomicU64::new(u64::MAX),
            frames: AtomicU64::default(),
            has_frame: AtomicBool::default(),
            responds: AtomicBool::default(),
            timed_out: AtomicBool::default(),
        }))
    }

    /// The connection that it is on.
    pub(super) fn connection(&self) -> &ConnectionState {
        &self.0.streams.connection
    }

    /// Whether the server goes on.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.0.streams.phase.clone()
    }

    /// hyper has the head of the response.
    pub(super) fn responds(&self) {
        self.0.responds.store(true, Ordering::Relaxed);
    }

    /// hyper has another frame of the body, or waits for the handler's next one.
    pub(super) fn has_frame(&self, has_frame: bool) {
        if has_frame {
            self.0.frames.fetch_add(1, Ordering::Relaxed);
        }
        self.0.has_frame.store(has_frame, Ordering::Relaxed);
    }

    /// How many frames hyper has had, if it waits for the client to take the last one.
    pub(super) fn waiting_frame(&self) -> Option<u64> {
        let waits = self.0.has_frame.load(Ordering::Relaxed);
        waits.then(|| self.0.frames.load(Ordering::Relaxed))
    }

    /// The stream waits for its client to take something, or goes on.
    pub(super) fn send_waits(&self, waits: bool) {
        match waits {
            true => self.0.streams.waits(StreamWait::Send),
            false => self.0.streams.goes_on(StreamWait::Send),
        }
    }

    pub(super) fn send_timeout(&self) -> Option<Duration> {
        let timeout = self.0.send_timeout.load(Ordering::Relaxed);
        (timeout != u64::MAX).then(|| Duration::from_millis(timeout))
    }

    /// The client took nothing for `send_timeout`.
    pub(super) fn times_out(&self) {
        self.0.timed_out.store(true, Ordering::Relaxed);
    }
}

/// hyper sends no interim responses on HTTP/2. GOAWAY says that the connection ends, no field. The drop of a request's body reads its rest (`request_body.rs`).
impl Transport for Stream {
    type Open<'a> = ();
    type Offered = OfferedStream;

    fn limit_sending(&self, timeout: Option<Duration>) {
        let timeout = timeout.map_or(u64::MAX, |time| time.as_millis() as u64);
        self.0.send_timeout.store(timeout, Ordering::Relaxed);
    }

    fn begin(&self) {}

    fn client_certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.0.streams.connection.client_certificate()
    }

    fn offer(&self, parts: &mut Parts) -> Option<(OfferedStream, Arc<UpgradeOffer>)> {
        let connect = parts.extensions.remove::<ExtendedConnect>()?;
        let (offered, offer) = Offered::of(connect.protocol.clone());
        Some((OfferedStream { offered, connect }, offer))
    }

    fn body_waits(&self) {
        self.0.streams.waits(StreamWait::Body);
    }

    fn body_goes_on(&self) {
        self.0.streams.goes_on(StreamWait::Body);
    }

    fn sending(&self) -> &Sending {
        &self.0.sending
    }

    fn handed_over(&self, response: SentResponse) {
        self.0.streams.connection.sending.push(response);
    }

    fn ended_for(&self) -> Option<EndedFor> {
        match self.0.timed_out.load(Ordering::Relaxed) {
            true => Some(EndedFor::SendTimeout),
            false => self.0.streams.connection.ended_for(),
        }
    }
}
