//! A plugin's handle to a guest.

use super::context::ContextHandle;
use super::host;
use crate::abi::guest::{RawGuestFailure, RawGuestReply};
use crate::abi::slice::RawSlice;
use crate::abi::tables::GuestObject;

/// A guest, until it drops.
pub(crate) struct GuestHandle(*mut GuestObject);

// SAFETY: the host's guest is Send and Sync.
unsafe impl Send for GuestHandle {}
// SAFETY: as above.
unsafe impl Sync for GuestHandle {}

impl GuestHandle {
    /// Opens a guest by its options, as JSON; `None` if the host is older than this.
    pub(crate) fn open(
        context: ContextHandle,
        options: &str,
    ) -> Option<Result<Self, RawGuestFailure>> {
        let open = host().more()?.guest_open();
        // SAFETY: a context of the host's; the options are lent for the call.
        Some(
            match unsafe { open(context.as_object(), RawSlice::text(options)) } {
                RawGuestReply::Opened(guest) => Ok(Self(guest)),
                RawGuestReply::Failed(failure) => Err(failure),
            },
        )
    }

    /// The host's guest, which lives as long as `self`.
    pub(super) fn as_object(&self) -> *const GuestObject {
        self.0
    }
}

impl Drop for GuestHandle {
    fn drop(&mut self) {
        if let Some(host) = host().more() {
            // SAFETY: the handle is ours.
            unsafe { host.guest_close()(self.0) }
        }
    }
}
