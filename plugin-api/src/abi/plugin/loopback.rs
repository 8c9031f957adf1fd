//! Both sides in one crate, for `testing`: converts host values to the plugin's handles and back.

use super::request::RequestHandle;
use super::response::ResponseHandle;
use super::{HOST, errors, panics};
use crate::abi::host::{Failure, HostRequest, HostResponse};
use crate::{Error, Request, Response};

/// Attaches this library to its own host side, with log and panic hook.
pub(crate) fn attach() {
    // First, since the logger asks the host for its level.
    let _ = HOST.set(crate::abi::host::host_table());
    panics::install_test_hook();
    crate::author::logging::install();
}

pub(crate) fn request(request: HostRequest) -> Request {
    // SAFETY: the call takes ownership of the request.
    Request::from_handle(unsafe { RequestHandle::from_object(request.into_object()) })
}

pub(crate) fn response(response: HostResponse) -> Response {
    // SAFETY: the call takes ownership of the response.
    Response::from_handle(unsafe { ResponseHandle::from_object(response.into_object()) })
}

pub(crate) fn host_response(response: Response) -> HostResponse {
    // SAFETY: the call takes ownership of the response.
    unsafe { HostResponse::from_object(response.into_object()) }
}

pub(crate) fn error(failure: Failure) -> Error {
    // SAFETY: the call takes ownership of the error.
    unsafe { errors::from_object(failure.into_object()) }
}
