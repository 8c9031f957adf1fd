//! Connections that change to another protocol (RFC 9110 §7.8): hyper serves them up to the 101, then a tunnel does.

mod incoming;
mod tunnel;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, Version, header};
use stackup_plugin::abi::host::{HostBody, UpgradeOffer};
use tokio::sync::oneshot;

use self::incoming::{ClientBytes, Incoming};
use super::body::ResponseBody;
use super::connection_state::ConnectionState;
use super::transport::Transport;
use crate::serve::generation::UpgradeRecord;

pub(super) use self::tunnel::tunnel;

/// What a request offers, until there is a response.
pub(super) struct Offered {
    sender: oneshot::Sender<ClientBytes>,
}

impl Offered {
    /// What a request without a body offers. hyper has put something into the extensions of one that may offer something.
    #[cold]
    pub(super) fn by(parts: &Parts) -> Option<(Self, Arc<UpgradeOffer>)> {
        // A client of HTTP/1.0 may have it from a proxy that did not mean it (RFC 9110 §7.8).
        let may = parts.version == Version::HTTP_11 && connection_has_upgrade(&parts.headers);
        let values = parts.headers.get_all(header::UPGRADE).iter();
        let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        let protocols = values.join(", ");
        if !may || protocols.trim().is_empty() {
            return None;
        }
        Some(Self::of(protocols))
    }

    /// An offer of these protocols, in the form of `upgrade`.
    pub(super) fn of(protocols: String) -> (Self, Arc<UpgradeOffer>) {
        let (sender, incoming) = Incoming::new();
        let incoming = HostBody::Stream(Box::pin(incoming));
        (Self { sender }, UpgradeOffer::new(protocols, incoming))
    }
}

/// Whether `connection` names `upgrade`.
fn connection_has_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION).iter();
    let mut options = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

/// A change of protocol that a handler has accepted, until the client knows it.
pub(super) struct AcceptedUpgrade<T: Transport> {
    /// What the client gets in the new protocol.
    outgoing: ResponseBody<T>,
    record: Arc<UpgradeRecord>,
    sender: oneshot::Sender<ClientBytes>,
}

impl<T: Transport> fmt::Debug for AcceptedUpgrade<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptedUpgrade")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// Makes a 101 of the response. Its body is what a tunnel sends; `empty` takes its place.
pub(super) fn switch<T: Transport>(
    response: Response<ResponseBody<T>>,
    empty: ResponseBody<T>,
    offered: Offered,
    record: Arc<UpgradeRecord>,
) -> (Response<ResponseBody<T>>, AcceptedUpgrade<T>) {
    let upgrade = HeaderValue::from_static("upgrade");
    // The host has checked that it is a valid value.
    let protocol = HeaderValue::from_str(record.protocol());
    let (mut response, accepted) = take_body(response, empty, offered, record);
    response.headers_mut().insert(header::CONNECTION, upgrade);
    if let Ok(protocol) = protocol {
        response.headers_mut().insert(header::UPGRADE, protocol);
    }
    (response, accepted)
}

/// Takes the body of a response that accepts an offer, for a tunnel; `empty` takes its place.
pub(super) fn take_body<T: Transport>(
    response: Response<ResponseBody<T>>,
    empty: ResponseBody<T>,
    offered: Offered,
    record: Arc<UpgradeRecord>,
) -> (Response<ResponseBody<T>>, AcceptedUpgrade<T>) {
    let (mut parts, outgoing) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let accepted = AcceptedUpgrade {
        outgoing,
        record,
        sender: offered.sender,
    };
    (Response::from_parts(parts, empty), accepted)
}

/// What has changed of a connection. There its change waits for its 101 to be sent.
#[derive(Debug, Default)]
pub(super) struct UpgradeSlot {
    accepted: Mutex<Option<Box<AcceptedUpgrade<Arc<ConnectionState>>>>>,
    has_begun: AtomicBool,
    /// How many streams of HTTP/2 have changed, and have not ended.
    streams: AtomicUsize,
}

impl UpgradeSlot {
    /// Makes a 101 of the response. Its body is kept for the tunnel; `empty` takes its place.
    pub(super) fn switch(
        &self,
        response: Response<ResponseBody<Arc<ConnectionState>>>,
        empty: ResponseBody<Arc<ConnectionState>>,
        offered: Offered,
        record: Arc<UpgradeRecord>,
    ) -> Response<ResponseBody<Arc<ConnectionState>>> {
        let (response, accepted) = switch(response, empty, offered, record);
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(accepted));
        self.has_begun.store(true, Ordering::Relaxed);
        response
    }

    /// Whether the connection changes, or a stream of it has.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed) || self.streams.load(Ordering::Relaxed) > 0
    }

    /// A stream changes.
    pub(super) fn stream_begins(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    /// A stream that has changed has ended.
    pub(super) fn stream_ends(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// What the connection changes to, if anything.
    pub(super) fn take(&self) -> Option<Box<AcceptedUpgrade<Arc<ConnectionState>>>> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.take()
    }
}
