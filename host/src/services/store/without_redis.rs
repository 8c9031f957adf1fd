//! Stands for `redis/` in a stackup that was built without it.

use stackup_plugin::abi::host::{StoreAnswer, StoreRequest};
use tokio::runtime::Handle;

use super::settings::RedisSettings;
use super::{EngineStatus, NamespaceUses, StoreEngine};

/// No URL is one of a server that could be used.
pub(super) fn address(_url: &str) -> Result<String, String> {
    Err("this stackup was built without the feature `redis`".to_owned())
}

/// Can't be made, since there are no settings for it.
pub(super) enum RedisStore {}

impl RedisStore {
    pub(super) fn open(_settings: &RedisSettings, _runtime: Handle) -> Self {
        unreachable!("settings of Redis need a URL, and no URL is accepted")
    }
}

impl StoreEngine for RedisStore {
    fn call(&self, _namespace: &str, _request: StoreRequest<'_>) -> StoreAnswer {
        match *self {}
    }

    fn namespaces(&self) -> NamespaceUses {
        match *self {}
    }

    fn status(&self) -> EngineStatus {
        match *self {}
    }
}
