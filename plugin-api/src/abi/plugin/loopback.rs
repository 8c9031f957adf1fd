//! Both sides in one process, for `testing`: the host's values as a plugin holds them.

use super::request::RequestHandle;
use super::response::ResponseHandle;
use super::{HOST, errors, panics};
use crate::abi::host::{Failure, HostRequest, HostResponse};
use crate::{Error, Request, Response};

/// Attaches this library to itself, as a host would: log, panics and all.
pub(crate) fn attach() {
    // Before what follows, which asks the host for its log level.
    let _ = HOST.set(crate::abi::host::host_table());
    panics::install_test_hook();
    crate::author::logging::install();
}

pub(crate) fn request(request: HostRequest) -> Request {
    // SAFETY: the request is handed over.
    Request::from_handle(unsafe { RequestHandle::from_object(request.into_object()) })
}

pub(crate) fn response(response: HostResponse) -> Response {
    // SAFETY: the response is handed over.
    Response::from_handle(unsafe { ResponseHandle::from_object(response.into_object()) })
}

pub(crate) fn host_response(response: Response) -> HostResponse {
    // SAFETY: the response is handed over.
    unsafe { HostResponse::from_object(response.into_object()) }
}

pub(crate) fn error(failure: Failure) -> Error {
    // SAFETY: the error is handed over.
    unsafe { errors::from_object(failure.into_object()) }
}
