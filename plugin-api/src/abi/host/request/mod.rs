//! A request in host memory.

pub(super) mod certificate;
pub(super) mod functions;
pub(super) mod offer;
mod target;
pub(super) mod value;

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, Uri, Version};

pub use self::certificate::ClientCertificate;
pub use self::offer::{ForwardedOffer, UpgradeOffer};
pub use self::target::canonicalize;
use self::value::LibraryValue;
use super::body::HostBody;
use super::body::fork::fork_body;
use super::exchange::Exchange;
use crate::abi::tables::RequestObject;

/// A request that the host owns.
pub struct HostRequest(Box<State>);

/// How a request arrived: the ends of its connection, as the host knows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connection {
    /// The client, also behind trusted proxies; none on a unix socket.
    pub remote: Option<SocketAddr>,
    /// The address it connected to; none on a unix socket.
    pub local: Option<SocketAddr>,
    /// Whether the client used https.
    pub https: bool,
}

/// `repr(C)` with the headers first: a pointer to it is a pointer to its headers.
#[repr(C)]
struct State {
    headers: HeaderMap,
    method: Method,
    /// Its path, in canonical form, is SCRIPT_NAME and PATH_INFO, one after the other: whoever reads a part of it or all
    /// of it sees the same.
    uri: Uri,
    version: Version,
    /// Where PATH_INFO begins in it. 1 if both are empty, since SCRIPT_NAME is never `/` alone.
    path_info: usize,
    connection: Connection,
    client_certificate: Option<Arc<ClientCertificate>>,
    body: HostBody,
    env: Vec<(String, String)>,
    values: Vec<LibraryValue>,
    exchange: Arc<Exchange>,
    /// What the client offers to change to.
    offer: Option<Arc<UpgradeOffer>>,
    /// What it offers another server.
    forwarded: Option<ForwardedOffer>,
}

/// The name in the env of the target as the client sent it, where that is not the target (CGI and Rack's servers have it).
const ORIGINAL: &str = "REQUEST_URI";

impl State {
    fn script_name(&self) -> &str {
        match self.path_info {
            1 => "",
            at => self.uri.path().get(..at).unwrap_or_default(),
        }
    }

    fn path_info(&self) -> &str {
        self.uri.path().get(self.path_info..).unwrap_or_default()
    }

    /// Changes the target. The first one stays in the env.
    fn set_target(&mut self, uri: Uri, path_info: usize) {
        if !self.env.iter().any(|(name, _)| name == ORIGINAL) {
            self.env.push((ORIGINAL.to_owned(), self.uri.to_string()));
        }
        self.uri = uri;
        self.path_info = path_info;
    }
}

impl HostRequest {
    /// A request with an empty `SCRIPT_NAME` and the full path in `PATH_INFO`. The path in `parts` is canonical.
    pub fn new(
        parts: http::request::Parts,
        body: HostBody,
        connection: Connection,
        exchange: Arc<Exchange>,
    ) -> Self {
        Self(Box::new(State {
            headers: parts.headers,
            method: parts.method,
            uri: parts.uri,
            version: parts.version,
            path_info: 0,
            connection,
            client_certificate: None,
            body,
            env: Vec::new(),
            values: Vec::new(),
            exchange,
            offer: None,
            forwarded: None,
        }))
    }

    /// Its method.
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Its body.
    pub fn body(&self) -> &HostBody {
        &self.0.body
    }

    /// Replaces the body.
    pub fn map_body(&mut self, change: impl FnOnce(HostBody) -> HostBody) {
        self.0.body = change(std::mem::take(&mut self.0.body));
    }

    /// Its target.
    pub fn uri(&self) -> &Uri {
        &self.0.uri
    }

    /// The number of the generation that serves it.
    pub fn generation(&self) -> u64 {
        self.0.exchange.generation()
    }

    /// The state that lasts until its response has ended.
    pub fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    pub(super) fn shared_exchange(&self) -> &Arc<Exchange> {
        &self.0.exchange
    }

    /// The part of the path that the maps above matched.
    pub fn script_name(&self) -> &str {
        self.0.script_name()
    }

    /// The values that layers above set in the env.
    pub fn env(&self) -> &[(String, String)] {
        &self.0.env
    }

    /// The connection it arrived on.
    pub fn connection(&self) -> Connection {
        self.0.connection
    }

    /// The part of the path that the maps above did not match.
    pub fn path_info(&self) -> &str {
        self.0.path_info()
    }

    /// Moves the first `bytes` of `PATH_INFO` to `SCRIPT_NAME`.
    pub fn shift_path_info(&mut self, bytes: usize) {
        self.0.path_info += bytes;
    }

    /// Notes that a router sends it from level `from` of its stack to level `to`. Returns false if a handler made it: then the
    /// client's request, which waits for its answer, is not known to be there.
    #[inline]
    pub fn enter_level(&self, from: u32, to: u32) -> bool {
        self.0.exchange.enter_level(from, to);
        self.0.exchange.generation() != 0
    }

    /// Keeps the target as the client sent it in the env: not the one that is served.
    pub fn set_original(&mut self, original: &Uri) {
        self.set_env(ORIGINAL.to_owned(), original.to_string());
    }

    /// A second request with the same content and exchange. The first to read the body gets it; the
    /// other body then fails, since a part must not pass for the whole. Routers below it must not note levels, unless
    /// [`Exchange`] knows of the second one.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        let state = &mut *self.0;
        Self(Box::new(State {
            headers: state.headers.clone(),
            method: state.method.clone(),
            uri: state.uri.clone(),
            version: state.version,
            path_info: state.path_info,
            connection: state.connection,
            client_certificate: state.client_certificate.clone(),
            body: fork_body(&mut state.body),
            env: state.env.clone(),
            // There is one of each.
            values: Vec::new(),
            exchange: Arc::clone(&state.exchange),
            offer: state.offer.clone(),
            forwarded: None,
        }))
    }

    /// The client offers to change to another protocol.
    pub fn set_offer(&mut self, offer: Arc<UpgradeOffer>) {
        self.0.offer = Some(offer);
    }

    /// The client has identified itself by this certificate, which is verified.
    pub fn set_client_certificate(&mut self, certificate: Arc<ClientCertificate>) {
        self.0.client_certificate = Some(certificate);
    }

    /// Sets a value in the env of the layers.
    pub fn set_env(&mut self, name: String, value: String) {
        self.0.env.retain(|(key, _)| *key != name);
        self.0.env.push((name, value));
    }

    /// The request for a service of another kind, with all of its path. What the layers have put into its env is lost.
    pub fn into_request(self) -> http::Request<HostBody> {
        let target = self.0.uri.clone();
        self.into_http(target).0
    }

    /// The request to send to `target`, in place of its own.
    pub(in crate::abi) fn into_http(
        self,
        target: Uri,
    ) -> (http::Request<HostBody>, Option<ForwardedOffer>) {
        let state = *self.0;
        let mut request = http::Request::new(state.body);
        *request.method_mut() = state.method;
        *request.uri_mut() = target;
        *request.headers_mut() = state.headers;
        (request, state.forwarded)
    }

    pub(in crate::abi) fn into_object(self) -> *mut RequestObject {
        Box::into_raw(self.0).cast()
    }

    /// # Safety
    ///
    /// `object` came from [`HostRequest::into_object`] and is owned by the caller.
    pub(in crate::abi) unsafe fn from_object(object: *mut RequestObject) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { Box::from_raw(object.cast()) })
    }
}
