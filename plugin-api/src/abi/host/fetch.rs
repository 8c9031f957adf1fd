//! Requests to other servers, which the host sends for plugins.

use std::any::Any;
use std::ffi::OsStr;
use std::future::Future;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};

use super::body::HostBody;
use super::request::{ForwardedOffer, HostRequest};
use super::response::HostResponse;
use super::{context, services};
use crate::abi::fetch::{
    FetchFutureTable, RawFetch, RawFetchFailure, RawFetchFuture, RawFetchPoll, RawInformational,
    phase,
};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, RequestObject};
use crate::abi::waker::{self, RawWaker};

/// A request of a plugin to another server.
pub struct FetchRequest {
    /// The plugin.
    pub plugin: &'static str,
    /// Its target is in absolute form.
    pub request: http::Request<HostBody>,
    /// The unix socket to connect to, in place of the target's authority.
    pub socket: Option<PathBuf>,
    /// The certificates to trust in place of the platform's, as PEM.
    pub roots: Option<Bytes>,
    /// Until there is a connection.
    pub connect_timeout: Option<Duration>,
    /// From then on, until the head of the response.
    pub head_timeout: Option<Duration>,
    /// Between two pieces of the response's body.
    pub body_timeout: Option<Duration>,
    /// What the connection may change to.
    pub upgrade: Option<ForwardedOffer>,
    /// Gets each 1xx response.
    pub informational: Option<Informational>,
    /// Kept until the response has ended.
    pub hold: Option<Arc<dyn Any + Send + Sync>>,
}

impl FetchRequest {
    /// One of `plugin`, without anything else.
    #[must_use]
    pub fn new(plugin: &'static str, request: http::Request<HostBody>) -> Self {
        Self {
            plugin,
            request,
            socket: None,
            roots: None,
            connect_timeout: None,
            head_timeout: None,
            body_timeout: None,
            upgrade: None,
            informational: None,
            hold: None,
        }
    }
}

/// A plugin's closure for 1xx responses.
pub struct Informational(RawInformational);

// SAFETY: the plugin makes these from closures that are Send and Sync.
unsafe impl Send for Informational {}
// SAFETY: as above.
unsafe impl Sync for Informational {}

impl Informational {
    /// Passes on one response.
    pub fn call(&self, status: StatusCode, headers: &HeaderMap) {
        let headers = std::ptr::from_ref(headers).cast();
        // SAFETY: the closure is alive; the headers are lent for the call.
        unsafe { (self.0.call)(self.0.data, status.as_u16(), headers) }
    }
}

impl Drop for Informational {
    fn drop(&mut self) {
        // SAFETY: the closure is ours, and this is its only drop.
        unsafe { (self.0.drop)(self.0.data) }
    }
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchFailure {
    pub phase: FetchPhase,
    /// The status for a client.
    pub status: StatusCode,
    pub message: String,
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchPhase {
    /// The host can't do what it asks for.
    Unsupported,
    /// Its target or its options are invalid.
    Invalid,
    /// The plugin has too many of them.
    Limit,
    /// There was no connection, so no server has seen it.
    Connect,
    /// Its body failed.
    RequestBody,
    /// A server may have seen it.
    Exchange,
}

/// What the host waits for.
pub type Fetching = Pin<Box<dyn Future<Output = Result<HostResponse, FetchFailure>> + Send>>;

pub(super) unsafe extern "C" fn fetch(
    context: *const ContextObject,
    request: *mut RequestObject,
    options: RawFetch<'_>,
) -> RawFetchFuture {
    // SAFETY: the plugin lends its context and gives up the request.
    unsafe { start(context, request, options, services::fetch) }
}

/// Has `send` send a request.
///
/// # Safety
///
/// `context` is one that was given to a plugin; `request` is owned by the caller, who gives it up.
pub(super) unsafe fn start(
    context: *const ContextObject,
    request: *mut RequestObject,
    options: RawFetch<'_>,
    send: impl FnOnce(FetchRequest) -> Fetching,
) -> RawFetchFuture {
    // SAFETY: the plugin's handle points to a context of this host, which is never freed.
    let plugin: &'static str = &unsafe { context::of(context) }.plugin;
    // SAFETY: the plugin gives up the request that it owned.
    let request = unsafe { HostRequest::from_object(request) };
    let future: Fetching = match read(plugin, request, options) {
        Ok(request) => send(request),
        Err(failure) => Box::pin(std::future::ready(Err(failure))),
    };
    let data = Box::into_raw(Box::new(future)).cast();
    // SAFETY: the table is for this very type, which is Send.
    unsafe { RawFetchFuture::new(data, &TABLE) }
}

fn read(
    plugin: &'static str,
    request: HostRequest,
    options: RawFetch<'_>,
) -> Result<FetchRequest, FetchFailure> {
    let informational = options.informational;
    let informational = (!informational.data.is_null()).then(|| Informational(informational));
    let uri: Uri = options.uri.str().parse().map_err(|error| FetchFailure {
        phase: FetchPhase::Invalid,
        status: StatusCode::INTERNAL_SERVER_ERROR,
        message: format!("`{}` is not a target: {error}", options.uri.str()),
    })?;
    let time = |milliseconds| (milliseconds != 0).then(|| Duration::from_millis(milliseconds));
    let path = |raw: RawSlice<'_>| raw.bytes().map(|bytes| OsStr::from_bytes(bytes).into());
    let (request, upgrade) = request.into_http(uri);
    Ok(FetchRequest {
        plugin,
        request,
        socket: path(options.socket),
        roots: options.roots.bytes().map(Bytes::copy_from_slice),
        connect_timeout: time(options.connect_timeout),
        head_timeout: time(options.head_timeout),
        body_timeout: time(options.body_timeout),
        upgrade,
        informational,
        hold: None,
    })
}

static TABLE: FetchFutureTable = FetchFutureTable {
    poll: poll_fetch,
    drop: drop_fetch,
};

unsafe extern "C" fn poll_fetch(data: *mut (), raw_waker: *const RawWaker) -> RawFetchPoll {
    // SAFETY: the data of `fetch`, one poll at a time.
    let fetching = unsafe { &mut *data.cast::<Fetching>() };
    // SAFETY: the waker is lent for this call.
    let polled = unsafe {
        waker::borrow(raw_waker, |waker| {
            fetching.as_mut().poll(&mut Context::from_waker(waker))
        })
    };
    match polled {
        Poll::Pending => RawFetchPoll::Pending,
        Poll::Ready(Ok(response)) => RawFetchPoll::Ready(response.into_object()),
        Poll::Ready(Err(failure)) => RawFetchPoll::Failed(RawFetchFailure {
            phase: match failure.phase {
                FetchPhase::Unsupported => phase::UNSUPPORTED,
                FetchPhase::Invalid => phase::INVALID,
                FetchPhase::Limit => phase::LIMIT,
                FetchPhase::Connect => phase::CONNECT,
                FetchPhase::RequestBody => phase::REQUEST_BODY,
                FetchPhase::Exchange => phase::EXCHANGE,
            },
            status: failure.status.as_u16(),
            message: failure.message.into(),
        }),
    }
}

unsafe extern "C" fn drop_fetch(data: *mut ()) {
    // SAFETY: the data of `fetch`, given up by the plugin.
    drop(unsafe { Box::from_raw(data.cast::<Fetching>()) });
}
