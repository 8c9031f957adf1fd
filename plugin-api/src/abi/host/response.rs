//! A response in host memory.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::body::HostBody;
use super::headers::{pool, value_cache};
use crate::abi::body::RawBody;
use crate::abi::slice::RawSlice;
use crate::abi::tables::ResponseObject;

/// A response that the host owns.
pub struct HostResponse(Box<State>);

/// `repr(C)` with the headers first: a pointer to it is a pointer to its headers.
#[repr(C)]
struct State {
    headers: HeaderMap,
    status: StatusCode,
    body: HostBody,
    /// The protocol that the connection changes to.
    accepted: Option<Box<str>>,
}

impl State {
    fn accepted(&self) -> Option<&str> {
        let accepted = self.accepted.as_deref();
        accepted.filter(|_| self.status == StatusCode::SWITCHING_PROTOCOLS)
    }

    /// Makes it a 101 that changes to `protocol`.
    fn accept(&mut self, protocol: &str) {
        self.status = StatusCode::SWITCHING_PROTOCOLS;
        self.accepted = Some(protocol.into());
    }
}

impl HostResponse {
    /// A response without headers.
    pub fn new(status: StatusCode, body: HostBody) -> Self {
        Self(Box::new(State {
            headers: pool::take(),
            status,
            body,
            accepted: None,
        }))
    }

    /// A response of these parts.
    pub fn from_parts(status: StatusCode, headers: HeaderMap, body: HostBody) -> Self {
        Self(Box::new(State {
            headers,
            status,
            body,
            accepted: None,
        }))
    }

    /// A plain text response.
    pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let mut response = Self::new(status, HostBody::Full(text.into()));
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.0.headers.insert(header::CONTENT_TYPE, plain);
        response
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Its headers, to edit.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.0.headers
    }

    /// Its body.
    pub fn body(&self) -> &HostBody {
        &self.0.body
    }

    /// Replaces the body.
    pub fn map_body(&mut self, change: impl FnOnce(HostBody) -> HostBody) {
        self.0.body = change(std::mem::take(&mut self.0.body));
    }

    /// The protocol that the connection changes to, if the response is a 101 of a handler that has accepted it.
    pub fn accepted(&self) -> Option<&str> {
        self.0.accepted()
    }

    /// Makes it a 101 that changes to `protocol`.
    pub fn accept(&mut self, protocol: &str) {
        self.0.accept(protocol);
    }

    /// Its parts.
    pub fn into_parts(self) -> (StatusCode, HeaderMap, HostBody) {
        (self.0.status, self.0.headers, self.0.body)
    }

    pub(in crate::abi) fn into_object(self) -> *mut ResponseObject {
        Box::into_raw(self.0).cast()
    }

    /// # Safety
    ///
    /// `object` came from [`HostResponse::into_object`] and is owned by the caller.
    pub(in crate::abi) unsafe fn from_object(object: *mut ResponseObject) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { Box::from_raw(object.cast()) })
    }
}

/// # Safety
///
/// The plugin's handle is alive and borrowed mutably for `'a`.
unsafe fn state<'a>(response: *mut ResponseObject) -> &'a mut State {
    // SAFETY: handles point to boxed states.
    unsafe { &mut *response.cast() }
}

pub(super) unsafe extern "C" fn new(
    status: u16,
    content_type: RawSlice<'_>,
    body: RawSlice<'_>,
) -> *mut ResponseObject {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match body.or_empty() {
        [] => HostBody::Empty,
        bytes => HostBody::Full(Bytes::copy_from_slice(bytes)),
    };
    let mut response = HostResponse::new(status, body);
    if let Some(value) = content_type.bytes().and_then(value_cache::parse) {
        response.0.headers.insert(header::CONTENT_TYPE, value);
    }
    response.into_object()
}

pub(super) unsafe extern "C" fn free(response: *mut ResponseObject) {
    // SAFETY: the plugin gives up the handle that it owned.
    drop(unsafe { HostResponse::from_object(response) });
}

pub(super) unsafe extern "C" fn status(response: *const ResponseObject) -> u16 {
    // SAFETY: the plugin's handle is alive and borrowed.
    unsafe { &*response.cast::<State>() }.status.as_u16()
}

pub(super) unsafe extern "C" fn set_status(response: *mut ResponseObject, status: u16) -> bool {
    // SAFETY: the plugin's handle is borrowed mutably.
    let state = unsafe { state(response) };
    StatusCode::from_u16(status)
        .map(|status| state.status = status)
        .is_ok()
}

pub(super) unsafe extern "C" fn take_body(response: *mut ResponseObject) -> RawBody {
    // SAFETY: the plugin's handle is borrowed mutably.
    std::mem::take(&mut unsafe { state(response) }.body).into_raw()
}

pub(super) unsafe extern "C" fn set_body(response: *mut ResponseObject, body: RawBody) {
    // SAFETY: the plugin's handle is borrowed mutably.
    unsafe { state(response) }.body = HostBody::from_raw(body);
}

pub(super) unsafe extern "C" fn accept(
    response: *mut ResponseObject,
    protocol: RawSlice<'_>,
) -> bool {
    let protocol = protocol.str();
    let is_valid = !protocol.is_empty() && HeaderValue::from_str(protocol).is_ok();
    if is_valid {
        // SAFETY: the plugin's handle is borrowed mutably.
        unsafe { state(response) }.accept(protocol);
    }
    is_valid
}

pub(super) unsafe extern "C" fn accepted(response: *const ResponseObject) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    let accepted = unsafe { &*response.cast::<State>() }.accepted();
    RawSlice::maybe(accepted.map(str::as_bytes))
}
