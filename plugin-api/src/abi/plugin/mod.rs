//! The plugin's side: handles to objects of the host, and the entry points that the host calls.

use std::sync::OnceLock;

use super::tables::HostTableRef;

pub mod body;
pub mod context;
pub mod entry;
pub mod errors;
pub(crate) mod fetch;
#[cfg(feature = "tower")]
pub(crate) mod function;
pub mod future;
pub(crate) mod guest;
pub mod headers;
pub(crate) mod informer;
pub mod log;
#[cfg(feature = "testing")]
pub(crate) mod loopback;
pub mod names;
pub mod next;
pub mod panics;
pub mod request;
pub mod response;
mod runtime;
pub(crate) mod scope;
pub(crate) mod store;

static HOST: OnceLock<HostTableRef> = OnceLock::new();

/// The function table of the host that this library is attached to.
#[inline]
pub(crate) fn host() -> HostTableRef {
    match HOST.get() {
        Some(host) => *host,
        None => unattached(),
    }
}

/// In a unit test there is no host: the library attaches to its own host side.
#[cfg(feature = "testing")]
#[cold]
fn unattached() -> HostTableRef {
    crate::testing::services::install();
    *HOST.get_or_init(super::host::host_table)
}

#[cfg(not(feature = "testing"))]
#[cold]
fn unattached() -> HostTableRef {
    panic!(
        "no stackup host is attached to this plugin: in a unit test, enable the feature `testing` \
         of stackup-plugin under [dev-dependencies]"
    )
}
