//! Where the requests of a claim go.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, StatusCode, Uri};
use stackup_plugin::abi::host::{FetchFailure, FetchPhase, FetchRequest, Fetching};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{GuestAddress, GuestEvent, GuestRequests, Send};
use crate::services::FetchHub;

/// How long a request waits for a process if it says nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// The process that new requests go to, and why there is none.
pub(super) struct Route {
    guest: String,
    process: ArcSwapOption<InUse>,
    /// Empty while there is a process.
    down: watch::Sender<String>,
}

/// A process of a guest, as long as requests go to it or are on it.
pub(super) struct InUse {
    process: u32,
    address: GuestAddress,
    claim: u64,
    send: Send,
}

impl Route {
    /// To nowhere yet.
    pub(super) fn new(guest: String) -> Self {
        Self {
            guest,
            process: ArcSwapOption::empty(),
            down: watch::Sender::new("it is starting".to_owned()),
        }
    }

    /// New requests go there. The process before is in use until its last request has ended.
    pub(super) fn lead_to(&self, process: InUse) {
        self.process.store(Some(Arc::new(process)));
        self.down.send_replace(String::new());
    }

    /// New requests wait.
    pub(super) fn close(&self, reason: String) {
        self.process.store(None);
        self.down.send_replace(reason);
    }

    /// Sends a request: at once where a process is ready, otherwise as soon as one is.
    pub(super) fn fetch(
        self: &Arc<Self>,
        mut request: FetchRequest,
        hub: &FetchHub,
        runtime: &Handle,
    ) -> Fetching {
        if let Some(process) = self.process.load_full() {
            return send(request, process, hub);
        }
        let patience = request.connect_timeout.unwrap_or(PATIENCE);
        // The plugin may poll it on its own thread.
        let entered = runtime.enter();
        let patience = tokio::time::sleep(patience);
        drop(entered);
        let (route, hub) = (Arc::clone(self), hub.clone());
        // What is left of it is no part of the wait.
        request.connect_timeout = None;
        Box::pin(async move {
            let mut patience = pin!(patience);
            let mut down = route.down.subscribe();
            loop {
                if let Some(process) = route.process.load_full() {
                    return send(request, process, &hub).await;
                }
                tokio::select! {
                    changed = down.changed() => if changed.is_err() { break },
                    () = &mut patience => break,
                }
            }
            Err(route.unavailable())
        })
    }

    /// The requests to the process that gets new ones.
    pub(super) fn requests(&self) -> Option<GuestRequests> {
        let process = self.process.load_full()?;
        // Each has one; so do the route and this function.
        let in_flight = Arc::strong_count(&process).saturating_sub(2);
        Some(GuestRequests {
            process: process.process,
            in_flight,
        })
    }

    fn unavailable(&self) -> FetchFailure {
        let (guest, reason) = (&self.guest, self.down.borrow());
        FetchFailure {
            phase: FetchPhase::Connect,
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: format!("the guest `{guest}` is not ready: {}", *reason),
        }
    }
}

/// Sends a request to a process, which is in use until the response has ended.
fn send(mut request: FetchRequest, process: Arc<InUse>, hub: &FetchHub) -> Fetching {
    match &process.address {
        GuestAddress::Socket(socket) => request.socket = Some(socket.clone()),
        GuestAddress::Port(port) => {
            let uri = request.request.uri().clone();
            let local: Result<Authority, _> = format!("127.0.0.1:{port}").parse();
            let mut parts = uri.into_parts();
            let host = parts.authority.as_ref().map(|named| named.as_str());
            let host = host.and_then(|host| HeaderValue::from_str(host).ok());
            let headers = request.request.headers_mut();
            if let Some(host) = host.filter(|_| !headers.contains_key(HOST)) {
                headers.insert(HOST, host);
            }
            (parts.scheme, parts.authority) = (Some(Scheme::HTTP), local.ok());
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.request.uri_mut() = uri;
            }
        }
    }
    request.hold = Some(process);
    hub.fetch(request)
}

impl InUse {
    pub(super) fn new(process: u32, address: GuestAddress, claim: u64, send: Send) -> Self {
        Self {
            process,
            address,
            claim,
            send,
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        (self.send)(GuestEvent::Idle {
            claim: self.claim,
            process: self.process,
        });
    }
}
