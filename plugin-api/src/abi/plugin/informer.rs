//! A plugin's handle to the client of a request, for interim responses.

use super::host;
use super::response::ResponseHandle;
use crate::abi::tables::InformerObject;

/// The client of a request. It names the request and holds nothing of it.
#[derive(Debug)]
pub(crate) struct InformerHandle(*mut InformerObject);

// SAFETY: the host's object is plain data, which is only read.
unsafe impl Send for InformerHandle {}
// SAFETY: as above.
unsafe impl Sync for InformerHandle {}

impl InformerHandle {
    /// # Safety
    ///
    /// The host hands the object over.
    pub(super) unsafe fn from_object(object: *mut InformerObject) -> Option<Self> {
        // Not `then_some`: it would make a handle, and drop it.
        (!object.is_null()).then(|| Self(object))
    }

    /// Sends the head of `response`; false if it is too late.
    pub(crate) fn inform(&self, response: &ResponseHandle) -> bool {
        let Some(inform) = host().more().and_then(|more| more.inform()) else {
            return false;
        };
        // SAFETY: the object is alive; a response begins with its headers, which are lent for the call.
        unsafe { inform(self.0, response.status(), response.as_headers()) }
    }
}

impl Drop for InformerHandle {
    fn drop(&mut self) {
        if let Some(free) = host().more().and_then(|more| more.informer_drop()) {
            // SAFETY: the object is ours.
            unsafe { free(self.0) }
        }
    }
}
