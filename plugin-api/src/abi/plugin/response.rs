//! A plugin's handle to a response that the host owns.

use super::headers::HeadersHandle;
use super::host;
use crate::abi::body::RawBody;
use crate::abi::slice::RawSlice;
use crate::abi::tables::{HeadersObject, ResponseObject};

/// The only handle to a response. Dropping it drops the response.
pub(crate) struct ResponseHandle(*mut ResponseObject);

// SAFETY: the host's response is Send, and a shared handle only reads plain data.
unsafe impl Send for ResponseHandle {}
// SAFETY: as above.
unsafe impl Sync for ResponseHandle {}

impl Drop for ResponseHandle {
    fn drop(&mut self) {
        // SAFETY: the handle owns the response.
        unsafe { host().response_drop()(self.0) }
    }
}

impl ResponseHandle {
    pub(crate) fn new(status: u16, content_type: Option<&str>, body: &[u8]) -> Self {
        let content_type = content_type.map_or(RawSlice::ABSENT, RawSlice::text);
        // SAFETY: an attached host's function; it copies the bytes.
        Self(unsafe { host().response_new()(status, content_type, RawSlice::new(body)) })
    }

    /// # Safety
    ///
    /// The host hands the response over.
    pub(crate) unsafe fn from_object(object: *mut ResponseObject) -> Self {
        Self(object)
    }

    pub(crate) fn into_object(self) -> *mut ResponseObject {
        std::mem::ManuallyDrop::new(self).0
    }

    pub(crate) fn headers(&self) -> HeadersHandle<'_> {
        // SAFETY: a response begins with its headers; edits go through `headers_mut`.
        unsafe { HeadersHandle::new(self.0.cast()) }
    }

    pub(crate) fn headers_mut(&mut self) -> HeadersHandle<'_> {
        self.headers()
    }

    pub(super) fn as_headers(&self) -> *const HeadersObject {
        self.0.cast_const().cast()
    }

    pub(crate) fn status(&self) -> u16 {
        // SAFETY: the response is alive.
        unsafe { host().response_status()(self.0) }
    }

    pub(crate) fn set_status(&mut self, status: u16) -> bool {
        // SAFETY: the response is alive and ours.
        unsafe { host().response_set_status()(self.0, status) }
    }

    /// Makes it a response that changes the protocol; false if the name is invalid or the host is older than upgrades.
    pub(crate) fn accept(&mut self, protocol: &str) -> bool {
        let Some(accept) = host().more().and_then(|more| more.response_accept()) else {
            return false;
        };
        // SAFETY: the response is alive and ours; the text is lent for the call.
        unsafe { accept(self.0, RawSlice::text(protocol)) }
    }

    pub(crate) fn accepted(&self) -> Option<&str> {
        let accepted = host().more()?.response_accepted()?;
        // SAFETY: the response is alive, and lent for as long as the text is.
        let accepted = unsafe { accepted(self.0) };
        accepted.bytes().map(|_| accepted.str())
    }

    pub(crate) fn take_body(&mut self) -> RawBody {
        // SAFETY: the response is alive and ours.
        unsafe { host().response_take_body()(self.0) }
    }

    pub(crate) fn set_body(&mut self, body: RawBody) {
        // SAFETY: the response is alive and ours.
        unsafe { host().response_set_body()(self.0, body) }
    }
}
