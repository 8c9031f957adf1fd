//! Why a request failed; in host memory.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::HostResponse;
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ErrorObject, HeadersObject, RawError, RawErrorKind};
use crate::author::error::DESCRIBES_BODY;

const OUT_OF_SERVICE: &str = "out of service: it panicked too often (`[failures] panics`)";

/// An error or a panic of a handler, or of a body.
#[derive(Debug, Clone)]
pub struct Failure {
    pub kind: RawErrorKind,
    /// The status for the client.
    pub status: StatusCode,
    /// The handler that caused it; empty if unknown.
    pub handler: String,
    pub message: String,
    /// A source location or the path of a config key; may be empty.
    pub place: String,
    /// The headers for the client, if there are any.
    pub headers: Option<Box<HeaderMap>>,
}

impl Failure {
    /// A body could not be read or sent.
    pub fn body(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            kind: RawErrorKind::Body,
            status,
            handler: String::new(),
            message: message.into(),
            place: String::new(),
            headers: None,
        }
    }

    /// The response with this text: its status, and its headers for the client.
    pub fn to_response(&self, text: impl Into<Bytes>) -> HostResponse {
        let mut response = HostResponse::text(self.status, text);
        let all = self.headers.iter().flat_map(|headers| headers.iter());
        for (name, value) in all.filter(|(name, _)| !DESCRIBES_BODY.contains(name)) {
            response.headers_mut().append(name, value.clone());
        }
        response
    }

    /// The failure of a request to a handler that panicked too often.
    pub fn out_of_service(handler: &str) -> Self {
        Self {
            kind: RawErrorKind::Handler,
            handler: handler.to_owned(),
            ..Self::body(StatusCode::SERVICE_UNAVAILABLE, OUT_OF_SERVICE)
        }
    }

    /// Whether this is [`out_of_service`](Self::out_of_service), possibly passed on by a layer above. It needs no
    /// report: the handler was reported when it went out of service.
    pub fn is_out_of_service(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE && self.message == OUT_OF_SERVICE
    }

    /// Hands the error over the boundary.
    pub(in crate::abi) fn into_object(self) -> *mut ErrorObject {
        Box::into_raw(Box::new(self)).cast()
    }

    /// Takes an error back.
    ///
    /// # Safety
    ///
    /// `object` came from [`Failure::into_object`] and is owned by the caller.
    pub(super) unsafe fn from_object(object: *mut ErrorObject) -> Self {
        // SAFETY: the caller's promise.
        *unsafe { Box::from_raw(object.cast::<Self>()) }
    }

    fn as_raw(&self) -> RawError<'_> {
        RawError {
            kind: self.kind,
            status: self.status.as_u16(),
            handler: RawSlice::text(&self.handler),
            message: RawSlice::text(&self.message),
            place: RawSlice::text(&self.place),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == RawErrorKind::Panic {
            f.write_str("panicked: ")?;
        }
        f.write_str(&self.message)?;
        if !self.place.is_empty() {
            write!(f, " (at {})", self.place)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

pub(super) unsafe extern "C" fn new(error: RawError<'_>) -> *mut ErrorObject {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let owned = |raw: RawSlice<'_>| String::from_utf8_lossy(raw.or_empty()).into_owned();
    Failure {
        kind: error.kind,
        status,
        handler: owned(error.handler),
        message: owned(error.message),
        place: owned(error.place),
        headers: None,
    }
    .into_object()
}

pub(super) unsafe extern "C" fn read(error: *const ErrorObject) -> RawError<'static> {
    // SAFETY: the plugin's error handle is alive and borrowed.
    unsafe { &*error.cast::<Failure>() }.as_raw()
}

pub(super) unsafe extern "C" fn free(error: *mut ErrorObject) {
    // SAFETY: the plugin gives up the handle that it owned.
    drop(unsafe { Failure::from_object(error) });
}

pub(super) unsafe extern "C" fn headers(
    error: *mut ErrorObject,
    create: bool,
) -> *mut HeadersObject {
    // SAFETY: the plugin's error handle is alive, and borrowed mutably if `create` is set.
    let failure = unsafe { &mut *error.cast::<Failure>() };
    let headers = match create {
        true => Some(failure.headers.get_or_insert_default()),
        false => failure.headers.as_mut(),
    };
    headers.map_or(std::ptr::null_mut(), |map| (&raw mut **map).cast())
}
