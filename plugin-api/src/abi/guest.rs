//! What crosses for a guest: a process that answers requests, which the host runs for a plugin.

use abi_stable::StableAbi;
use abi_stable::std_types::RString;

use super::tables::GuestObject;

/// Why there is no guest.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawGuestFailure {
    /// The option that is to blame; empty if none is.
    pub option: RString,
    pub message: RString,
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum RawGuestReply {
    Opened(*mut GuestObject),
    Failed(RawGuestFailure),
}
