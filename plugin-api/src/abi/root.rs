//! What a library exports: a root table with its handlers, whose layout is checked.

use abi_stable::StableAbi;
use abi_stable::library::{LibHeader, RootModule};
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{ROption, RSlice, RString, RVec};

use super::future::RawFuture;
use super::slice::RawSlice;
use super::tables::{ContextObject, ErrorObject, HostTableRef, RawNext, RequestObject};

/// The symbol under which a library exports its [`LibHeader`].
pub const SYMBOL: &str = "stackup_plugin_root";

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRootRef)))]
#[sabi(missing_field(panic))]
pub struct PluginRoot {
    /// Gives the library the host's function table. Called once, before anything else.
    pub attach: unsafe extern "C" fn(host: HostTableRef),
    /// The text of the metadata section.
    pub metadata: RawSlice<'static>,
    #[sabi(last_prefix_field)]
    pub handlers: RSlice<'static, HandlerEntry>,

    // Plugins built before this existed do not have it.
    /// The host logs other records from now on.
    #[sabi(missing_field(option))]
    pub log_changed: unsafe extern "C" fn(),
}

impl RootModule for PluginRootRef {
    abi_stable::declare_root_module_statics! {PluginRootRef}
    const BASE_NAME: &'static str = "stackup_plugin";
    const NAME: &'static str = "stackup-plugin";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

#[repr(u8)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandlerKind {
    App,
    Middleware,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct HandlerEntry {
    pub kind: HandlerKind,
    pub name: RawSlice<'static>,
    pub table: HandlerTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HandlerTableRef)))]
#[sabi(missing_field(panic))]
pub struct HandlerTable {
    /// The JSON Schema of the handler's config.
    pub schema: unsafe extern "C" fn() -> RString,
    /// Builds an instance from its config, a JSON object.
    pub init: unsafe extern "C" fn(config: RawSlice<'_>, context: *const ContextObject) -> RawInit,
    /// Answers a request. An app gets a null `next`. The instance outlives the future.
    pub call: unsafe extern "C" fn(
        instance: *const (),
        request: *mut RequestObject,
        next: RawNext,
    ) -> RawFuture,
    /// Frees an instance. Returns null, or the panic of its drop.
    #[sabi(last_prefix_field)]
    pub drop: unsafe extern "C" fn(instance: *mut ()) -> *mut ErrorObject,

    // Plugins built before these existed have none of them.
    /// The instance's generation is active. Returns null, or an error.
    #[sabi(missing_field(option))]
    pub serving: unsafe extern "C" fn(instance: *const ()) -> *mut ErrorObject,
    /// What the instance gives to the one that replaces it.
    #[sabi(missing_field(option))]
    pub hand_over: unsafe extern "C" fn(instance: *const ()) -> RawHandOver,
    /// Takes what the instance before it gave. Returns null, or an error.
    #[sabi(missing_field(option))]
    pub inherit: unsafe extern "C" fn(instance: *const (), state: RawSlice<'_>) -> *mut ErrorObject,
}

/// What an instance gives away: nothing, or bytes, unless there is an error.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawHandOver {
    pub state: ROption<RVec<u8>>,
    pub error: *mut ErrorObject,
}

/// An instance, or an error if `instance` is null.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawInit {
    pub instance: *mut (),
    pub error: *mut ErrorObject,
}

/// The type of the exported symbol.
pub type Header = LibHeader;
