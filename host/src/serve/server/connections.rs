//! The open connections, up to their limit. At the limit, those that wait for their client make room for new ones.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Serialize;
use stackup_plugin::abi::host::{Clients, ClientsEntry};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::clock;
use super::connection_state::{ConnectionState, EndedFor};
use super::notices::{Notice, Notices};
use crate::policy::{ClientWait, make_room};

/// How often a new connection looks for others that can make room.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// All connections of a server. A request takes no lock of it, a connection takes one at its start and its end.
#[derive(Debug)]
pub struct Connections {
    limit: usize,
    places: Arc<Semaphore>,
    open: Mutex<Open>,
    closed: Closed,
    pub(super) notices: Notices,
    /// By which requests find it.
    entry: ClientsEntry,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    all: BTreeMap<u64, Arc<ConnectionState>>,
}

/// How many connections were closed for what.
#[derive(Debug, Default)]
struct Closed {
    for_room: AtomicU64,
    for_send_timeout: AtomicU64,
    for_body_timeout: AtomicU64,
}

/// The connections of a server, as `stackup status` shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionsStatus {
    /// `[limits] connections`, or fewer if the limit of open files is too low.
    pub limit: usize,
    /// How many are open.
    pub open: usize,
    /// Of those, how many wait for a request.
    pub idle: usize,
    /// … for the rest of a request's head.
    pub heads: usize,
    /// … for more of a request's body.
    pub bodies: usize,
    /// … for the client to take more of a response.
    pub sends: usize,
    /// How many were closed to make room for new ones.
    pub closed_for_room: u64,
    /// … because their client took nothing for `[limits] send_timeout`.
    pub closed_by_send_timeout: u64,
    /// … because their client sent nothing of a body for `[limits] body_timeout`.
    pub closed_by_body_timeout: u64,
}

/// An open connection; its drop is the connection's end.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    number: u64,
    pub(super) state: Arc<ConnectionState>,
    /// None if it goes over the limit.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Its responses hold generations, and handlers may hold the state.
        self.state.sending.flushed();
        drop(self.state.upgrade.take());
        self.connections.open().all.remove(&self.number);
    }
}

impl Clients for Connections {
    fn inform(
        &self,
        connection: u64,
        request: u64,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> bool {
        let state = self.open().all.get(&connection).cloned();
        state.is_some_and(|state| {
            let added = state.interim.add(request, status, headers);
            if added {
                state.wait.wake();
            }
            added
        })
    }
}

impl Connections {
    /// At most `limit` at a time.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new_cyclic(|own: &Weak<Self>| Self {
            entry: ClientsEntry::new(own.clone()),
            limit,
            places: Arc::new(Semaphore::new(limit)),
            open: Mutex::default(),
            closed: Closed::default(),
            notices: Notices::default(),
        })
    }

    /// How many at a time.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A place for a new connection. At the limit, waits until others make room.
    pub(super) async fn place(self: &Arc<Self>) -> Place {
        let mut is_told = false;
        let permit = loop {
            match Arc::clone(&self.places).try_acquire_owned() {
                Ok(permit) => break Some(permit),
                Err(_) if self.places.is_closed() => break None,
                Err(_) => {}
            }
            if !std::mem::replace(&mut is_told, true) {
                self.notices.happened(&Notice::Full { limit: self.limit });
            }
            self.make_room();
            let free = Arc::clone(&self.places).acquire_owned();
            if let Ok(Ok(permit)) = timeout(LOOK_AGAIN, free).await {
                break Some(permit);
            }
        };
        self.enter(permit)
    }

    /// A place over the limit.
    pub(super) fn extra_place(self: &Arc<Self>) -> Place {
        self.enter(None)
    }

    fn enter(self: &Arc<Self>, permit: Option<OwnedSemaphorePermit>) -> Place {
        let mut open = self.open();
        let number = open.next;
        let state = Arc::new(ConnectionState::accepted((self.entry.id(), number)));
        open.next += 1;
        open.all.insert(number, Arc::clone(&state));
        Place {
            connections: Arc::clone(self),
            number,
            state,
            _permit: permit,
        }
    }

    /// Asks connections that wait for their client to make room.
    pub(super) fn make_room(&self) {
        let open = self.open();
        let waiting = open.all.values().filter_map(|state| {
            let (wait, since) = state.wait.get()?;
            Some((state, wait, since))
        });
        for state in make_room(waiting, clock::now()) {
            state.wait.ask_for_room();
        }
    }

    /// How many have changed to another protocol.
    pub(super) fn upgrades(&self) -> usize {
        let open = self.open();
        let all = open.all.values();
        all.filter(|state| state.upgrade.has_begun()).count()
    }

    /// Ends those that have not changed to another protocol.
    pub(super) fn cut_all_but_upgrades(&self) {
        let open = self.open();
        let others = open.all.values();
        let others = others.filter(|state| !state.upgrade.has_begun());
        others.for_each(|state| state.wait.cut());
    }

    /// A connection has made room.
    pub(super) fn made_room(&self) {
        self.closed.for_room.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection ends because of its client.
    pub(super) fn ended_for(&self, reason: EndedFor) {
        let (count, notice) = match reason {
            EndedFor::SendTimeout => (&self.closed.for_send_timeout, Notice::SendTimeout),
            EndedFor::BodyTimeout => (&self.closed.for_body_timeout, Notice::BodyTimeout),
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.notices.happened(&notice);
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.open().all.len()
    }

    /// For `stackup status`.
    pub fn status(&self) -> ConnectionsStatus {
        let open = self.open();
        let mut status = ConnectionsStatus {
            limit: self.limit,
            open: open.all.len(),
            closed_for_room: self.closed.for_room.load(Ordering::Relaxed),
            closed_by_send_timeout: self.closed.for_send_timeout.load(Ordering::Relaxed),
            closed_by_body_timeout: self.closed.for_body_timeout.load(Ordering::Relaxed),
            ..ConnectionsStatus::default()
        };
        for state in open.all.values() {
            match state.wait.get() {
                Some((ClientWait::Idle, _)) => status.idle += 1,
                Some((ClientWait::Head, _)) => status.heads += 1,
                Some((ClientWait::Body, _)) => status.bodies += 1,
                Some((ClientWait::Send, _)) => status.sends += 1,
                Some((ClientWait::Close, _)) | None => {}
            }
        }
        status
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
