//! Requests for one response at the same time: one goes down, the others wait for its answer.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::answer::Answer;
use crate::entries::Place;

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
    /// Its target was invalidated meanwhile: its answer is not stored.
    outdated: bool,
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

    /// Whether a request for `key` is under way.
    pub(crate) fn is_under_way(&self, key: &[u8]) -> bool {
        self.map().contains_key(key)
    }

    /// Has the answers under way for a target, with all its variants, not be stored.
    pub(crate) fn outdate(&self, target: &[u8]) {
        let mut map = self.map();
        map.retain(|key, flight| {
            let rest = key.strip_prefix(target);
            let concerned = rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'\n')));
            if concerned {
                flight.state().outdated = true;
            }
            !concerned
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

    /// Whether the answer must not be stored, since its target was invalidated.
    pub(crate) fn is_outdated(&self) -> bool {
        self.flight.state().outdated
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut map = self.flights.map();
        // After an invalidation the key may belong to another flight.
        if map
            .get(&self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            map.remove(&self.key);
        }
        drop(map);
        self.flight.land(Landing::Abandoned);
    }
}
