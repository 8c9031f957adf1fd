//! A request in host memory.

pub(super) mod functions;

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, Uri, Version};

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
    uri: Uri,
    version: Version,
    script_name: String,
    path_info: PathInfo,
    connection: Connection,
    body: HostBody,
    env: Vec<(String, String)>,
    exchange: Arc<Exchange>,
}

#[derive(Clone)]
enum PathInfo {
    /// The URI's path from this byte on.
    UriFrom(usize),
    Owned(String),
}

impl State {
    fn path_info(&self) -> &str {
        match &self.path_info {
            PathInfo::UriFrom(at) => self.uri.path().get(*at..).unwrap_or_default(),
            PathInfo::Owned(path) => path,
        }
    }
}

impl HostRequest {
    /// A request with an empty `SCRIPT_NAME` and the full path in `PATH_INFO`.
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
            script_name: String::new(),
            path_info: PathInfo::UriFrom(0),
            connection,
            body,
            env: Vec::new(),
            exchange,
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

    /// The part of the path that the maps above matched.
    pub fn script_name(&self) -> &str {
        &self.0.script_name
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

    /// Removes the first `bytes` of `PATH_INFO` and appends `location` to `SCRIPT_NAME`.
    pub fn shift_path_info(&mut self, location: &str, bytes: usize) {
        let state = &mut *self.0;
        state.script_name.push_str(location);
        match &mut state.path_info {
            PathInfo::UriFrom(at) => *at += bytes,
            PathInfo::Owned(path) => drop(path.drain(..bytes.min(path.len()))),
        }
    }

    /// A second request with the same content and exchange. The first to read the body gets it; the
    /// other body then fails, since a part must not pass for the whole.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        let state = &mut *self.0;
        Self(Box::new(State {
            headers: state.headers.clone(),
            method: state.method.clone(),
            uri: state.uri.clone(),
            version: state.version,
            script_name: state.script_name.clone(),
            path_info: state.path_info.clone(),
            connection: state.connection,
            body: fork_body(&mut state.body),
            env: state.env.clone(),
            exchange: Arc::clone(&state.exchange),
        }))
    }

    /// Sets a value in the env of the layers.
    pub fn set_env(&mut self, name: String, value: String) {
        self.0.env.retain(|(key, _)| *key != name);
        self.0.env.push((name, value));
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
