//! Requests for one response at the same time: one goes down, the others wait for its answer.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use cache_store::Place;

use crate::answer::Answer;

/// The requests under way, by what they are for.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Vec<u8>, Arc<Flight>>>);

/// A request under way, and those who wait for it.
#[derive(Debug, Default)]
pub(crate) struct Flight(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    landed: Option<Landing>,
    waiting: Vec<Waker>,
}

/// How a request ended.
#[derive(Debug, Clone)]
pub(crate) enum Landing {
    /// With an answer that others may use.
    Shared(Arc<Shared>),
    /// With one that they may not: each goes on by itself.
    Alone,
    /// Without one: its client left, or it failed. Another one begins.
    Abandoned,
}

/// An answer for all whom it fits.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) answer: Answer,
    pub(crate) place: Place,
}

/// What a request does.
pub(crate) enum Role {
    /// It goes down.
    Leads(Lead),
    /// It waits.
    Follows(Arc<Flight>),
}

/// The request that goes down. Dropping it lands the flight.
#[derive(Debug)]
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: Vec<u8>,
    flight: Arc<Flight>,
}

impl Flights {
    fn map(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Arc<Flight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the flight for `key`, or begins one.
    pub(crate) fn join(self: &Arc<Self>, key: Vec<u8>) -> Role {
        let mut map = self.map();
        if let Some(flight) = map.get(&key) {
            return Role::Follows(Arc::clone(flight));
        }
        let flight = Arc::<Flight>::default();
        map.insert(key.clone(), Arc::clone(&flight));
        Role::Leads(Lead {
            flights: Arc::clone(self),
            key,
            flight,
        })
    }

    /// Lets another request begin for `key`, while `flight` goes on.
    pub(crate) fn forget(&self, key: &[u8], flight: &Arc<Flight>) {
        let mut map = self.map();
        if map.get(key).is_some_and(|known| Arc::ptr_eq(known, flight)) {
            map.remove(key);
        }
    }

    /// Lets nobody join the requests under way for a target, with all its variants.
    pub(crate) fn close(&self, target: &[u8]) {
        self.map().retain(|key, _| {
            let rest = key.strip_prefix(target);
            !rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'\n')))
        });
    }
}

impl Flight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the answer.
    pub(crate) async fn landing(&self) -> Landing {
        poll_fn(|cx| {
            let mut state = self.state();
            match &state.landed {
                Some(landing) => Poll::Ready(landing.clone()),
                None => {
                    let known = state
                        .waiting
                        .iter()
                        .any(|waker| waker.will_wake(cx.waker()));
                    if !known {
                        state.waiting.push(cx.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn land(&self, landing: Landing) {
        let mut state = self.state();
        state.landed.get_or_insert(landing);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Lead {
    /// Tells all who wait. Others may still join until the lead is dropped.
    pub(crate) fn land(&self, landing: Landing) {
        self.flight.land(landing);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // After an invalidation the key may belong to another flight.
        self.flights.forget(&self.key, &self.flight);
        self.flight.land(Landing::Abandoned);
    }
}
