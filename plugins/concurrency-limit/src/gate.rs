//! Where requests enter one by one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stackup_plugin::{Context, Counter};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::adaptive::AdaptiveLimit;

/// Lets so many requests run, and lets others wait in the order of their arrival.
pub(crate) struct Gate {
    shared: Arc<Shared>,
    queue: u32,
    wait: Duration,
}

/// How many requests may run.
pub(crate) enum Limit {
    Fixed(u32),
    Adaptive(AdaptiveLimit),
}

struct Shared {
    /// A permit for each request that may run. It is fair.
    places: Semaphore,
    waiting: AtomicU32,
    adaptive: Option<Mutex<Adaptive>>,
}

struct Adaptive {
    limit: AdaptiveLimit,
    running: u32,
    /// How many places have to go when they are next free.
    surplus: u32,
}

/// The place of a request that runs.
pub(crate) struct Place(Arc<Shared>);

/// A request in the queue. It leaves when it is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl Gate {
    pub(crate) fn new(limit: Limit, queue: u32, wait: Duration) -> Self {
        let (places, adaptive) = match limit {
            Limit::Fixed(limit) => (limit, None),
            Limit::Adaptive(limit) => {
                let places = limit.limit();
                let adaptive = Adaptive {
                    limit,
                    running: 0,
                    surplus: 0,
                };
                (places, Some(Mutex::new(adaptive)))
            }
        };
        let shared = Shared {
            places: Semaphore::new(places as usize),
            waiting: AtomicU32::new(0),
            adaptive,
        };
        Self {
            shared: Arc::new(shared),
            queue,
            wait,
        }
    }

    /// A place, at once or after others, which `queued` counts. `None` if the queue is full or the wait too long.
    pub(crate) async fn enter(&self, cx: &Context, queued: &Counter) -> Option<Place> {
        if let Some(place) = self.enter_now() {
            return Some(place);
        }
        let places = &self.shared.places;
        let _waiting = Waiting::enter(&self.shared.waiting, self.queue)?;
        queued.increment();
        let permit = cx.timeout(self.wait, places.acquire()).await.ok()?.ok()?;
        Some(self.place(permit))
    }

    /// A place that is free. There is none while others wait: the semaphore gives to them first.
    pub(crate) fn enter_now(&self) -> Option<Place> {
        let permit = self.shared.places.try_acquire().ok()?;
        Some(self.place(permit))
    }

    /// How many requests may run.
    #[cfg(test)]
    pub(crate) fn limit(&self) -> usize {
        let adaptive = self.shared.adaptive().expect("it is adaptive");
        adaptive.limit.limit() as usize
    }

    fn place(&self, permit: SemaphorePermit<'_>) -> Place {
        permit.forget();
        if let Some(mut adaptive) = self.shared.adaptive() {
            adaptive.running += 1;
        }
        Place(Arc::clone(&self.shared))
    }
}

impl Shared {
    fn adaptive(&self) -> Option<MutexGuard<'_, Adaptive>> {
        let adaptive = self.adaptive.as_ref()?;
        Some(adaptive.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Place {
    /// Notes that the layers below, called at `begun`, have responded at `now`.
    pub(crate) fn responded(&self, begun: Instant, now: Instant) {
        let Some(mut adaptive) = self.0.adaptive() else {
            return;
        };
        let before = adaptive.limit.limit();
        let running = adaptive.running;
        adaptive.limit.sample(begun, running, now);
        let after = adaptive.limit.limit();
        if let Some(more) = after.checked_sub(before) {
            let kept = more.min(adaptive.surplus);
            adaptive.surplus -= kept;
            self.0.places.add_permits((more - kept) as usize);
        } else {
            let fewer = before - after;
            let gone = self.0.places.forget_permits(fewer as usize);
            adaptive.surplus += fewer - u32::try_from(gone).unwrap_or(fewer);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut adaptive) = self.0.adaptive() {
            adaptive.running -= 1;
            if adaptive.surplus > 0 {
                adaptive.surplus -= 1;
                return;
            }
        }
        self.0.places.add_permits(1);
    }
}

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicU32, most: u32) -> Option<Self> {
        let more = |now: u32| (now < most).then_some(now + 1);
        let entered = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        entered.ok().map(|_| Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
