//! The store in a Redis server, which many machines may share.
//!
//! ```text
//! script.rs ─▶ operation.rs ─▶ connection.rs
//! what runs there   one call      one connection, which comes back
//! ```
//!
//! An entry is a hash with a value `v` and a version `n`; it expires as any key does. All keys of a namespace have its name
//! as their hash tag, so they are in one slot, and a script may use them together:
//!
//! | key | |
//! |---|---|
//! | `PREFIX:{NAMESPACE}:e:KEY` | an entry |
//! | `PREFIX:{NAMESPACE}:version` | the last version |
//! | `PREFIX:{NAMESPACE}:keys` | the keys, sorted: for scans |
//! | `PREFIX:{NAMESPACE}:ends` | when keys expire: to remove those that have from `keys` |

mod connection;
mod names;
mod operation;
mod script;
mod usage;

use std::sync::Arc;

use stackup_plugin::abi::host::{StoreAnswer, StoreRequest};
use tokio::runtime::Handle;

use self::connection::Connection;
use self::names::Names;
use self::operation::Operation;
use self::usage::usage;
use super::availability::Availability;
use super::limits::shutting_down;
use super::settings::RedisSettings;
use super::{EngineStatus, NamespaceUses, StoreEngine};

pub(super) use self::connection::address;

/// Entries in a Redis server.
pub(super) struct RedisStore {
    connection: Arc<Connection>,
    prefix: String,
    runtime: Handle,
}

impl RedisStore {
    /// Connects in the background, now and whenever the connection is lost. Calls run on `runtime`.
    pub(super) fn open(settings: &RedisSettings, runtime: Handle) -> Self {
        Self {
            connection: Connection::open(settings, &runtime),
            prefix: settings.prefix.clone(),
            runtime,
        }
    }
}

impl StoreEngine for RedisStore {
    fn call(&self, namespace: &str, request: StoreRequest<'_>) -> StoreAnswer {
        let operation = Operation::new(&Names::new(&self.prefix, namespace), request);
        let connection = Arc::clone(&self.connection);
        // A plugin may await it on a runtime of its own, where the connection's timers do not run.
        let call = self.runtime.spawn(async move {
            let call = connection.run(&operation);
            call.await
        });
        StoreAnswer::Later(Box::pin(async {
            call.await.unwrap_or_else(|_| Err(shutting_down()))
        }))
    }

    fn namespaces(&self) -> NamespaceUses {
        let (connection, prefix) = (Arc::clone(&self.connection), self.prefix.clone());
        let found = self
            .runtime
            .spawn(async move { usage(&connection, &prefix).await });
        Box::pin(async { found.await.unwrap_or_else(|_| Err(shutting_down())) })
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            engine: "redis",
            place: Some(self.availability().engine().to_owned()),
            trouble: self.availability().reason(),
        }
    }
}

impl RedisStore {
    fn availability(&self) -> &Availability {
        &self.connection.availability
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.connection.close();
    }
}

#[cfg(test)]
mod lost_connection_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
