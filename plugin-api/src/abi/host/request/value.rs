//! What libraries keep in a request, beside its env.

use super::functions::{state, state_mut};
use crate::abi::tables::{RawValue, RequestObject};

/// What one library keeps. Only that library knows what it is.
pub(super) struct LibraryValue {
    /// The address of something in the library, which no other has. A library is never unloaded.
    library: *const (),
    raw: RawValue,
}

// SAFETY: the plugin keeps what is Send and Sync; the address is only compared.
unsafe impl Send for LibraryValue {}
// SAFETY: as above.
unsafe impl Sync for LibraryValue {}

impl Drop for LibraryValue {
    fn drop(&mut self) {
        // SAFETY: the plugin gave the function with the data, and this is the only call.
        unsafe { (self.raw.drop)(self.raw.data) }
    }
}

pub(in crate::abi::host) unsafe extern "C" fn value(
    request: *const RequestObject,
    library: *const (),
) -> *mut () {
    // SAFETY: the plugin's handle is alive and borrowed.
    let values = &unsafe { state(request) }.values;
    let own = values.iter().find(|value| value.library == library);
    own.map_or(std::ptr::null_mut(), |value| value.raw.data)
}

pub(in crate::abi::host) unsafe extern "C" fn set_value(
    request: *mut RequestObject,
    library: *const (),
    raw: RawValue,
) {
    // SAFETY: the plugin's handle is alive and borrowed mutably.
    let values = &mut unsafe { state_mut(request) }.values;
    values.retain(|value| value.library != library);
    values.push(LibraryValue { library, raw });
}
