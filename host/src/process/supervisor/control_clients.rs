//! The clients of the control socket: how many there may be, and which one makes room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, getrlimit};
use tokio::task::AbortHandle;

/// The most clients at a time. Each takes a descriptor, which the supervisor also needs for workers and libraries.
const MOST: usize = 128;

/// The clients that are connected.
#[derive(Debug, Clone)]
pub(super) struct ControlClients(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    most: usize,
    /// By the order in which they began to wait.
    clients: BTreeMap<u64, Client>,
    next: u64,
    /// The log says that the limit is reached.
    full: bool,
}

#[derive(Debug)]
struct Client {
    task: Option<AbortHandle>,
    /// It has not sent a request since its last reply.
    silent: bool,
}

/// The place of one client. It is free when this value is dropped.
#[derive(Debug)]
pub(super) struct Place {
    clients: ControlClients,
    number: u64,
}

impl ControlClients {
    /// None yet. At most a quarter of the files that the process may open.
    pub(super) fn new() -> Self {
        let files = getrlimit(Resource::Nofile).current;
        let files = files.and_then(|files| usize::try_from(files).ok());
        Self::at_most(files.map_or(MOST, |files| (files / 4).clamp(4, MOST)))
    }

    fn at_most(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Open {
            most,
            clients: BTreeMap::new(),
            next: 0,
            full: false,
        })))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new client. If there is none, the client that has been silent the longest is closed; none if all
    /// wait for replies.
    pub(super) fn admit(&self) -> Option<Place> {
        let mut open = self.open();
        if open.clients.len() >= open.most {
            if !std::mem::replace(&mut open.full, true) {
                let most = open.most;
                tracing::warn!(
                    event = "control-clients",
                    "{most} clients of the control socket are connected: those that send nothing are closed"
                );
            }
            if !open.close_silent() {
                return None;
            }
        } else if open.clients.len() < open.most / 2 {
            open.full = false;
        }
        let number = open.add(None);
        drop(open);
        Some(Place {
            clients: self.clone(),
            number,
        })
    }

    /// Closes the client that has been silent the longest. False if there is none.
    pub(super) fn close_silent(&self) -> bool {
        self.open().close_silent()
    }
}

impl Open {
    fn add(&mut self, task: Option<AbortHandle>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.clients.insert(number, Client { task, silent: true });
        number
    }

    fn close_silent(&mut self) -> bool {
        let mut clients = self.clients.iter();
        let Some((&number, _)) = clients.find(|(_, client)| client.silent) else {
            return false;
        };
        let client = self.clients.remove(&number);
        if let Some(task) = client.and_then(|client| client.task) {
            task.abort();
        }
        true
    }
}

impl Place {
    /// The number of the client, to say later which task serves it.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The client has sent a request: it is not closed before it has its reply.
    pub(super) fn begin(&self) {
        if let Some(client) = self.clients.open().clients.get_mut(&self.number) {
            client.silent = false;
        }
    }

    /// The client has its reply, and is the last of the silent ones.
    pub(super) fn end(&mut self) {
        let mut open = self.clients.open();
        if let Some(client) = open.clients.remove(&self.number) {
            self.number = open.add(client.task);
        }
    }
}

impl ControlClients {
    /// This task serves the client `number`.
    pub(super) fn served_by(&self, number: u64, task: AbortHandle) {
        if let Some(client) = self.open().clients.get_mut(&number) {
            client.task = Some(task);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clients.open().clients.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(clients: &ControlClients) -> Vec<u64> {
        clients.open().clients.keys().copied().collect()
    }

    #[test]
    fn longest_silent_client_makes_room() {
        let clients = ControlClients::at_most(3);
        let mut places: Vec<_> = (0..3).map(|_| clients.admit().unwrap()).collect();
        // The first has asked, and the second has its reply already.
        places[0].begin();
        places[1].begin();
        places[1].end();
        let _fourth = clients.admit().unwrap();
        assert_eq!(numbers(&clients), [0, 3, 4], "the third was closed");
    }

    #[test]
    fn client_that_waits_for_its_reply_is_not_closed() {
        let clients = ControlClients::at_most(2);
        let places: Vec<_> = (0..2).map(|_| clients.admit().unwrap()).collect();
        places.iter().for_each(Place::begin);
        assert!(clients.admit().is_none());
        assert!(!clients.close_silent());
        drop(places);
        assert!(clients.admit().is_some());
    }
}
