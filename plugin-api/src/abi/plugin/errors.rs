//! Converts errors to the host's objects and back.

use http::StatusCode;

use super::context::ContextHandle;
use super::headers::HeadersHandle;
use super::host;
use super::log;
use super::panics::Panic;
use crate::Headers;
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ErrorObject, RawError, RawErrorKind, SetHeader};
use crate::author::error::{Error, Kind};

/// Receives a caught panic.
pub(crate) trait PanicSink {
    /// The error object for the other side.
    fn panicked(&self, panic: Panic) -> *mut ErrorObject;
    /// A drop panicked. It can only be logged.
    fn dropped(&self, panic: Panic);
}

/// For code of a plugin's handler.
pub(crate) struct HandlerSink(pub(crate) ContextHandle);

impl PanicSink for HandlerSink {
    fn panicked(&self, panic: Panic) -> *mut ErrorObject {
        self.0.panicked(&panic);
        let error = Error::panic(panic.message, panic.place);
        into_object(error, self.0.handler())
    }

    fn dropped(&self, panic: Panic) {
        self.0.panicked(&panic);
        let Panic { message, place } = panic;
        log::report(&format!(
            "{}: drop panicked at {place}: {message}",
            self.0.handler()
        ));
    }
}

/// For the host's own code, which does not use the function table.
#[cfg(feature = "host")]
pub(crate) struct HostSink;

#[cfg(feature = "host")]
impl PanicSink for HostSink {
    fn panicked(&self, panic: Panic) -> *mut ErrorObject {
        let message = format!("the host panicked: {}", panic.message);
        let mut failure =
            crate::abi::host::Failure::body(StatusCode::INTERNAL_SERVER_ERROR, message);
        failure.kind = RawErrorKind::Panic;
        failure.into_object()
    }

    fn dropped(&self, _panic: Panic) {}
}

/// Passes an error to the host. `handler` is its origin, unless it came from a layer further in.
pub(crate) fn into_object(error: Error, handler: &str) -> *mut ErrorObject {
    let handler = if error.handler().is_empty() {
        handler
    } else {
        error.handler()
    };
    let raw = RawError {
        kind: error.kind().into(),
        status: error.status().as_u16(),
        handler: RawSlice::text(handler),
        message: RawSlice::text(error.message()),
        place: RawSlice::text(error.place()),
    };
    // SAFETY: an attached host's function; it copies the strings.
    let object = unsafe { host().error_new()(raw) };
    if !error.headers().is_empty()
        // An older host has no place for them.
        && let Some(headers) = host().error_headers()
    {
        // SAFETY: the error is alive and ours.
        let headers = unsafe { HeadersHandle::new(headers(object, true)) };
        for (name, value) in error.headers() {
            headers.set(name.as_str(), value.as_bytes(), SetHeader::Append);
        }
    }
    object
}

/// Takes ownership of an error of the host.
///
/// # Safety
///
/// `object` is an error that the host hands over.
pub(crate) unsafe fn from_object(object: *mut ErrorObject) -> Error {
    // SAFETY: the object is alive and ours.
    let error = unsafe { copy(object) };
    // SAFETY: as above; what was read has been copied.
    unsafe { host().error_drop()(object) };
    error
}

/// Copies an error borrowed from the host.
///
/// # Safety
///
/// `object` is null or a live error of the host.
pub(super) unsafe fn read(object: *const ErrorObject) -> Option<Error> {
    // SAFETY: the caller's promise.
    (!object.is_null()).then(|| unsafe { copy(object) })
}

/// # Safety
///
/// `object` is a live error of the host.
unsafe fn copy(object: *const ErrorObject) -> Error {
    // SAFETY: the caller's promise.
    let raw = unsafe { host().error_read()(object) };
    let kind = match raw.kind {
        RawErrorKind::Handler => Kind::Handler,
        RawErrorKind::Panic => Kind::Panic,
        RawErrorKind::Config => Kind::Config,
        RawErrorKind::Body => Kind::Body,
    };
    let status = StatusCode::from_u16(raw.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let [message, place, handler] =
        [raw.message, raw.place, raw.handler].map(|part| part.str().to_owned());
    let mut error = Error::from_parts(kind, status, message, place, handler);
    // SAFETY: the caller's promise; without `create` the host only looks.
    let headers = host()
        .error_headers()
        .map(|headers| unsafe { headers(object.cast_mut(), false) });
    if let Some(headers) = headers.filter(|headers| !headers.is_null()) {
        // SAFETY: alive for as long as the error, and only read.
        let headers = unsafe { HeadersHandle::new(headers) };
        *error.headers_mut() = Headers::new(headers).to_map();
    }
    error
}

impl From<Kind> for RawErrorKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Handler => Self::Handler,
            Kind::Panic => Self::Panic,
            Kind::Config => Self::Config,
            Kind::Body => Self::Body,
        }
    }
}
