//! Interim responses: what a handler sends to the client before the final response.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::{HeaderMap, StatusCode};

use super::exchange::Exchange;
use crate::abi::tables::{HeadersObject, InformerObject};

/// What sends interim responses: a server.
pub trait Clients: Send + Sync {
    /// Sends one for a request of a connection. Returns false if it is too late.
    fn inform(
        &self,
        connection: u64,
        request: u64,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> bool;
}

/// Names a request of a client. Requests have it in place of a reference, whose count every request would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientRequest {
    /// By [`ClientsEntry::id`].
    pub server: u64,
    /// Its connection.
    pub connection: u64,
    /// Its number on that connection.
    pub request: u64,
}

/// The entry of a server: requests find it until this is dropped.
#[derive(Debug)]
pub struct ClientsEntry(u64);

static SERVERS: Mutex<BTreeMap<u64, Weak<dyn Clients>>> = Mutex::new(BTreeMap::new());

fn servers() -> MutexGuard<'static, BTreeMap<u64, Weak<dyn Clients>>> {
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientsEntry {
    /// An entry of `server`.
    pub fn new(server: Weak<dyn Clients>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        servers().insert(id, server);
        Self(id)
    }

    /// What requests have.
    pub fn id(&self) -> u64 {
        self.0
    }
}

impl Drop for ClientsEntry {
    fn drop(&mut self) {
        let server = servers().remove(&self.0);
        drop(server);
    }
}

/// A new informer for the request of this exchange; null if no client can be informed.
pub(super) fn of(exchange: &Exchange) -> *mut InformerObject {
    let client = exchange.client().map(Box::new);
    client.map_or(std::ptr::null_mut(), |client| Box::into_raw(client).cast())
}

pub(super) unsafe extern "C" fn free(informer: *mut InformerObject) {
    // SAFETY: made by `of`, and given up by the plugin.
    drop(unsafe { Box::from_raw(informer.cast::<ClientRequest>()) });
}

pub(super) unsafe extern "C" fn inform(
    informer: *const InformerObject,
    status: u16,
    headers: *const HeadersObject,
) -> bool {
    // SAFETY: made by `of`, and alive.
    let client = unsafe { *informer.cast::<ClientRequest>() };
    // SAFETY: the plugin lends headers of this host.
    let headers = unsafe { &*headers.cast::<HeaderMap>() };
    let server: Option<Arc<dyn Clients>> = servers()
        .get(&client.server)
        .cloned()
        .and_then(|server| server.upgrade());
    let (Some(server), Ok(status)) = (server, StatusCode::from_u16(status)) else {
        return false;
    };
    server.inform(client.connection, client.request, status, headers)
}
