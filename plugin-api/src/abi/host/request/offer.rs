//! What a client offers to change its connection to.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame};

use super::functions::{state, state_mut};
use crate::abi::body::RawBody;
use crate::abi::host::body::HostBody;
use crate::abi::host::failure::Failure;
use crate::abi::slice::RawSlice;
use crate::abi::tables::RequestObject;

/// What a client offers to change to, and what it sends then.
pub struct UpgradeOffer {
    protocols: String,
    /// None once it was taken.
    incoming: Mutex<Option<HostBody>>,
}

impl UpgradeOffer {
    /// `protocols` has the form of `upgrade`. `incoming` waits until the connection has changed, and fails if it does not.
    pub fn new(protocols: String, incoming: HostBody) -> Arc<Self> {
        let incoming = Mutex::new(Some(incoming));
        Arc::new(Self {
            protocols,
            incoming,
        })
    }

    fn take(&self) -> Option<HostBody> {
        let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        incoming.take()
    }
}

/// What a request offers another server to change to.
pub struct ForwardedOffer {
    /// In the form of `upgrade`.
    pub protocols: String,
    offer: Arc<UpgradeOffer>,
}

impl ForwardedOffer {
    /// `protocols` has the form of `upgrade`; a server that accepts one gets `outgoing`.
    pub fn new(protocols: String, outgoing: HostBody) -> Self {
        let offer = UpgradeOffer::new(protocols.clone(), outgoing);
        Self { protocols, offer }
    }

    /// What the server gets once it has accepted; none if another one gets it.
    pub fn take_outgoing(&self) -> Option<HostBody> {
        self.offer.take()
    }

    /// The offer as a server gets it; none if another one gets what is sent.
    pub fn into_offer(self) -> Option<Arc<UpgradeOffer>> {
        let outgoing = self.take_outgoing()?;
        Some(UpgradeOffer::new(self.protocols, outgoing))
    }
}

pub(in crate::abi::host) unsafe extern "C" fn forward(
    request: *mut RequestObject,
    protocols: RawSlice<'_>,
) -> bool {
    // SAFETY: the plugin's handle is borrowed mutably.
    let state = unsafe { state_mut(request) };
    let protocols = protocols.str().to_owned();
    let offer = state.offer.clone();
    state.forwarded = offer.map(|offer| ForwardedOffer { protocols, offer });
    state.forwarded.is_some()
}

pub(in crate::abi::host) unsafe extern "C" fn offer(
    request: *mut RequestObject,
    protocols: RawSlice<'_>,
    outgoing: RawBody,
) {
    let offer = ForwardedOffer::new(protocols.str().to_owned(), HostBody::from_raw(outgoing));
    // SAFETY: the plugin's handle is borrowed mutably.
    unsafe { state_mut(request) }.forwarded = Some(offer);
}

pub(in crate::abi::host) unsafe extern "C" fn protocols(
    request: *const RequestObject,
) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    let offer = &unsafe { state(request) }.offer;
    RawSlice::maybe(offer.as_ref().map(|offer| offer.protocols.as_bytes()))
}

pub(in crate::abi::host) unsafe extern "C" fn upgrade(request: *mut RequestObject) -> RawBody {
    // SAFETY: the plugin's handle is borrowed mutably.
    let offer = &unsafe { state_mut(request) }.offer;
    let incoming = offer.as_ref().and_then(|offer| offer.take());
    let none = || HostBody::Stream(Box::pin(NotOffered));
    incoming.unwrap_or_else(none).into_raw()
}

/// What a client sends that offers nothing, or whose bytes another handler gets.
struct NotOffered;

impl Body for NotOffered {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let message = "the client offers no other protocol, or another handler has taken its bytes";
        let failure = Failure::body(StatusCode::UPGRADE_REQUIRED, message);
        Poll::Ready(Some(Err(failure)))
    }
}
