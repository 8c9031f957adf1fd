//! The life of an instance: tried, serving, retiring.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use super::guest::HostGuest;

/// The life of an instance, as its own code sees it.
#[derive(Debug, Default)]
pub struct Life {
    is_trial: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_retiring: bool,
    /// Numbers are not reused.
    next: u64,
    /// Those who wait for the retirement.
    waiting: BTreeMap<u64, Waker>,
    /// The guests that its instance has opened.
    guests: Vec<Weak<dyn HostGuest>>,
}

impl Life {
    /// An instance that is to serve.
    pub fn new() -> Self {
        Self::default()
    }

    /// An instance that is only tried, and never serves.
    pub fn trial() -> Self {
        Self {
            is_trial: true,
            ..Self::default()
        }
    }

    /// Whether the instance is only tried.
    pub fn is_trial(&self) -> bool {
        self.is_trial
    }

    /// Its instance has opened a guest.
    pub(super) fn has_guest(&self, guest: &Arc<dyn HostGuest>) {
        self.state().guests.push(Arc::downgrade(guest));
    }

    /// Waits until all guests of its instance are ready. Blocks.
    ///
    /// # Errors
    ///
    /// Why one of them does not start.
    pub fn wait_for_guests(&self) -> Result<(), String> {
        let guests = self.state().guests.clone();
        let mut alive = guests.iter().filter_map(Weak::upgrade);
        alive.try_for_each(|guest| guest.wait())
    }

    /// Whether the files of one of its guests have changed since it was started.
    pub fn has_outdated_guest(&self) -> bool {
        let guests = self.state().guests.clone();
        let mut alive = guests.iter().filter_map(Weak::upgrade);
        alive.any(|guest| guest.is_outdated())
    }

    /// The instance was replaced, or its process begins to end.
    pub fn retire(&self) {
        let waiting = {
            let mut state = self.state();
            state.is_retiring = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }

    /// Resolves once the instance was replaced, or its process begins to end.
    pub fn retiring(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        Retiring {
            life: Arc::clone(self),
            number: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Retiring {
    life: Arc<Life>,
    /// Its place among those who wait.
    number: Option<u64>,
}

impl Future for Retiring {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.life.state();
        if state.is_retiring {
            return Poll::Ready(());
        }
        let number = *this.number.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        state.waiting.insert(number, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Retiring {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // Dropped without the lock: a waker may run code.
            let waker = self.life.state().waiting.remove(&number);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[test]
    fn all_who_wait_are_woken_once() {
        let life = Arc::new(Life::new());
        let mut cx = Context::from_waker(Waker::noop());
        let (mut first, mut second) = (pin!(life.retiring()), pin!(life.retiring()));
        assert!(first.as_mut().poll(&mut cx).is_pending());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        assert_eq!(life.state().waiting.len(), 2);
        life.retire();
        assert!(life.state().waiting.is_empty());
        assert!(first.poll(&mut cx).is_ready() && second.poll(&mut cx).is_ready());
        assert!(pin!(life.retiring()).poll(&mut cx).is_ready(), "later, too");
    }

    #[test]
    fn dropped_future_leaves_nothing_behind() {
        let life = Arc::new(Life::new());
        let mut cx = Context::from_waker(Waker::noop());
        let mut one = Box::pin(life.retiring());
        assert!(one.as_mut().poll(&mut cx).is_pending());
        drop(one);
        assert!(life.state().waiting.is_empty());
    }
}
