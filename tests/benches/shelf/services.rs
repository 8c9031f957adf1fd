//! The services of the host without its log, which would be measured too.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use stackup::services::{FetchHub, StoreHub};
use stackup_plugin::abi::host::{
    FetchRequest, Fetching, PluginLog, Services, StoreNamespace, install,
};
use tokio::runtime::Handle;

/// The store in memory, as large as a manifest's by default.
const STORE: u64 = 64 << 20;

struct Quiet {
    runtime: Handle,
    store: StoreHub,
    fetch: FetchHub,
}

/// Provides clock, store and requests to other servers to the plugins.
pub(crate) fn provide(runtime: Handle) {
    let store = StoreHub::new(STORE, 0, runtime.clone());
    let fetch = FetchHub::new(runtime.clone());
    install(Box::new(Quiet {
        runtime,
        store,
        fetch,
    }));
}

impl Services for Quiet {
    fn log(&self, _line: &PluginLog<'_>) {}

    fn log_level(&self) -> u8 {
        0
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let _entered = self.runtime.enter();
        Box::pin(tokio::time::sleep(duration))
    }

    fn fetch(&self, request: FetchRequest) -> Fetching {
        self.fetch.fetch(request)
    }

    fn store(&self, namespace: &str) -> Arc<dyn StoreNamespace> {
        self.store.open(namespace)
    }
}
