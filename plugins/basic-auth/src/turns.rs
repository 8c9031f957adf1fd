//! Who may hash next. A client that guesses passwords waits for itself; others pass it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests of one client may wait.
const WAITING_PER_CLIENT: usize = 64;

/// How many requests may wait.
const WAITING: usize = 1024;

/// A client: an IPv4 address, or the network of an IPv6 one, since one machine has a whole /64. All requests without an
/// address are one client.
type Client = Option<IpAddr>;

/// Gives turns, each client's in order.
pub(crate) struct Turns {
    /// More at once than there are cores would only use memory.
    all: Arc<Semaphore>,
    /// How many turns one client may have at once.
    share: usize,
    clients: Arc<Mutex<Clients>>,
}

#[derive(Default)]
struct Clients {
    /// Those that wait or have a turn.
    each: HashMap<Client, Waiting>,
    waiting: usize,
}

struct Waiting {
    turns: Arc<Semaphore>,
    count: usize,
}

/// Why there is no turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// Too many requests of this client wait.
    Client,
    /// Too many requests wait.
    All,
}

/// A turn, until it is dropped.
pub(crate) struct Turn {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _place: Place,
}

/// A place in the queue, given back on drop.
struct Place {
    client: Client,
    clients: Arc<Mutex<Clients>>,
}

impl Turns {
    /// At most `cores` at once.
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(cores)),
            share: (cores / 2).max(1),
            clients: Arc::default(),
        }
    }

    /// Waits for a turn.
    pub(crate) async fn next(&self, address: Option<IpAddr>) -> Result<Turn, Busy> {
        let (place, own) = self.place(client(address))?;
        // The queue of all has at most a client's share of its requests: theirs and those of others alternate.
        let closed = |_| Busy::All;
        let own = own.acquire_owned().await.map_err(closed)?;
        let all = Arc::clone(&self.all)
            .acquire_owned()
            .await
            .map_err(closed)?;
        Ok(Turn {
            _all: all,
            _own: own,
            _place: place,
        })
    }

    fn place(&self, client: Client) -> Result<(Place, Arc<Semaphore>), Busy> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.waiting >= WAITING {
            return Err(Busy::All);
        }
        let waiting = clients.each.entry(client).or_insert_with(|| Waiting {
            turns: Arc::new(Semaphore::new(self.share)),
            count: 0,
        });
        if waiting.count >= WAITING_PER_CLIENT {
            return Err(Busy::Client);
        }
        waiting.count += 1;
        let turns = Arc::clone(&waiting.turns);
        clients.waiting += 1;
        let clients = Arc::clone(&self.clients);
        Ok((Place { client, clients }, turns))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.waiting -= 1;
        let Some(waiting) = clients.each.get_mut(&self.client) else {
            return;
        };
        waiting.count -= 1;
        if waiting.count == 0 {
            clients.each.remove(&self.client);
        }
    }
}

fn client(address: Option<IpAddr>) -> Client {
    const NETWORK: u128 = !0 << 64;
    address.map(|address| match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & NETWORK).into()),
        address => address,
    })
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Next<'a> = Pin<Box<dyn Future<Output = Result<Turn, Busy>> + 'a>>;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn poll(next: &mut Next<'_>) -> Option<Result<Turn, Busy>> {
        match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    /// Requests of one client, each asked once for its turn; the turns that it got.
    fn flood<'a>(turns: &'a Turns, from: &str, count: usize) -> (Vec<Next<'a>>, Vec<Turn>) {
        let (mut waiting, mut got) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let mut next: Next<'a> = Box::pin(turns.next(address(from)));
            match poll(&mut next) {
                Some(turn) => got.extend(turn.ok()),
                None => waiting.push(next),
            }
        }
        (waiting, got)
    }

    #[test]
    fn flood_of_one_client_leaves_a_turn_to_others() {
        for cores in [1, 2, 4] {
            let turns = Turns::new(cores);
            let (mut waiting, mut got) = flood(&turns, "192.0.2.1", 60);
            assert_eq!(got.len(), (cores / 2).max(1));
            let mut other: Next<'_> = Box::pin(turns.next(address("192.0.2.2")));
            let mut first = poll(&mut other);
            if first.is_none() {
                // With one core it waits for the turn that runs now, and not for the 59 that wait.
                got.remove(0);
                waiting.retain_mut(|next| poll(next).is_none());
                first = poll(&mut other);
            }
            assert!(first.is_some_and(|turn| turn.is_ok()), "{cores}");
        }
    }

    #[test]
    fn queue_is_bounded_for_each_client_and_for_all() {
        let turns = Turns::new(2);
        let (_waiting, _got) = flood(&turns, "192.0.2.1", 100);
        let mut next: Next<'_> = Box::pin(turns.next(address("192.0.2.1")));
        assert!(matches!(poll(&mut next), Some(Err(Busy::Client))));
        let others: Vec<_> = (2..100)
            .map(|last| flood(&turns, &format!("192.0.2.{last}"), 100))
            .collect();
        let mut next: Next<'_> = Box::pin(turns.next(None));
        assert!(matches!(poll(&mut next), Some(Err(Busy::All))));
        // Clients that leave give their places back.
        drop(others);
        assert!(turns.clients.lock().unwrap().waiting <= WAITING_PER_CLIENT);
        assert_eq!(turns.clients.lock().unwrap().each.len(), 1);
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        let same = |one, other| client(address(one)) == client(address(other));
        assert!(same("2001:db8::1", "2001:db8::ffff:2"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
