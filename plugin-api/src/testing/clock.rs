//! A clock that only the test moves.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime};

use super::services;

thread_local! {
    static CURRENT: RefCell<Option<Clock>> = const { RefCell::new(None) };
}

/// Stops the clock of this thread, and of tasks spawned from it with [`Context::spawn`](crate::Context::spawn): only the test
/// moves it from now on.
///
/// [`Context::sleep`](crate::Context::sleep), [`timeout`](crate::Context::timeout), [`now`](crate::Context::now) and
/// [`system_time`](crate::Context::system_time) go by it, and so do the entries of the [store](super::store()) that expire. What
/// asks the system itself does not, such as `Instant::now()` and tokio's timers.
///
/// A call that waits is run with [`Clock::run`], which goes on to the next timer instead of waiting:
///
/// ```
/// use std::time::Duration;
/// use stackup_plugin::{Context, Middleware, Next, Request, Result, StatusCode, testing};
///
/// struct Timeout(Context);
///
/// impl Middleware for Timeout {
///     type Config = ();
///
///     fn init((): (), cx: &Context) -> Result<Self> {
///         Ok(Self(cx.clone()))
///     }
///
///     async fn call(&self, req: Request, next: Next<'_>) -> Result {
///         let limit = Duration::from_secs(30);
///         match self.0.timeout(limit, next.run(req)).await {
///             Ok(res) => res,
///             Err(_) => Err(stackup_plugin::Error::new(StatusCode::GATEWAY_TIMEOUT, "too slow")),
///         }
///     }
/// }
///
/// let clock = testing::clock();
/// let layer = testing::middleware::<Timeout>(testing::json!(null))?;
/// let never = async |_req: Request| std::future::pending::<&str>().await;
/// let error = clock.run(layer.call(testing::get("/"), never)).unwrap_err();
/// assert_eq!(error.status(), StatusCode::GATEWAY_TIMEOUT);
/// assert_eq!(clock.elapsed(), Duration::from_secs(30));
/// # Ok::<_, stackup_plugin::Error>(())
/// ```
///
/// Tasks run on threads of their own: wait until they sleep, then move the clock.
///
/// ```
/// use std::time::Duration;
/// use stackup_plugin::{App, Context, IntoResponse, Request, Result, testing};
///
/// struct Sweeper(Context);
///
/// impl App for Sweeper {
///     type Config = ();
///
///     fn init((): (), cx: &Context) -> Result<Self> {
///         let task = cx.clone();
///         cx.spawn("sweeps", async move {
///             loop {
///                 task.sleep(Duration::from_secs(3600)).await;
///                 let _ = task.store().add("sweeps", 1, None).await;
///             }
///         });
///         Ok(Self(cx.clone()))
///     }
///
///     async fn call(&self, _req: Request) -> Result {
///         let sweeps = self.0.store().add("sweeps", 0, None).await?;
///         sweeps.to_string().into_response()
///     }
/// }
///
/// let clock = testing::clock();
/// let sweeper = testing::app::<Sweeper>(testing::json!(null))?;
/// for _ in 0..3 {
///     clock.wait_for_sleepers(1);
///     clock.advance(Duration::from_secs(3600));
/// }
/// clock.wait_for_sleepers(1);
/// let res = clock.run(async { sweeper.answer(testing::get("/")).await?.finish().await })?;
/// assert_eq!(res, "3");
/// # Ok::<_, stackup_plugin::Error>(())
/// ```
pub fn clock() -> Clock {
    services::install();
    let clock = Clock::default();
    CURRENT.with(|here| here.replace(Some(clock.clone())));
    clock
}

/// A clock that only the test moves; see [`clock()`].
#[derive(Clone, Default)]
pub struct Clock(Arc<Shared>);

struct Shared {
    started: (Instant, SystemTime),
    state: Mutex<State>,
    changed: Condvar,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            started: (Instant::now(), SystemTime::now()),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }
}

#[derive(Default)]
struct State {
    elapsed: Duration,
    /// Numbers are not reused.
    next: u64,
    /// Those who sleep, by the time at which they wake up.
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl Clock {
    /// How far it was moved.
    pub fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    /// Moves it. Wakes those who sleep until then, and does not wait for what they do.
    pub fn advance(&self, time: Duration) {
        let due = {
            let mut state = self.state();
            state.elapsed += time;
            let now = state.elapsed;
            let later = state.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.sleepers, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// Waits until so many sleep at the same time.
    pub fn wait_for_sleepers(&self, count: usize) {
        let sleeps = |state: &mut State| state.sleepers.len() < count;
        let state = self.0.changed.wait_while(self.state(), sleeps);
        drop(state.unwrap_or_else(PoisonError::into_inner));
    }

    /// Runs a future to its end on this thread. Whenever it can only wait, the clock moves to the next moment at which somebody
    /// wakes up; tasks on other threads do not hold it up.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let runner = Arc::new(Runner {
            thread: thread::current(),
            is_woken: Mutex::new(false),
        });
        let waker = Waker::from(Arc::clone(&runner));
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            while !runner.take_wake() {
                let next = self.state().sleepers.keys().next().map(|(end, _)| *end);
                match next {
                    Some(end) => self.advance(end.saturating_sub(self.elapsed())),
                    None => thread::park(),
                }
            }
        }
    }

    /// The clock of this thread.
    pub(super) fn current() -> Option<Self> {
        CURRENT
            .try_with(|here| here.borrow().clone())
            .ok()
            .flatten()
    }

    /// Sets the clock of this thread.
    pub(super) fn inherit(clock: Option<Self>) {
        CURRENT.with(|here| here.replace(clock));
    }

    /// Completes once it has moved so far.
    pub(super) fn sleep(self, time: Duration) -> impl Future<Output = ()> + Send {
        let (end, number) = {
            let mut state = self.state();
            state.next += 1;
            (state.elapsed.saturating_add(time), state.next)
        };
        Sleep {
            clock: self,
            key: (end, number),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

/// The time, by the clock of this thread if there is one.
pub(crate) fn now() -> Instant {
    match Clock::current() {
        Some(clock) => clock.0.started.0 + clock.elapsed(),
        None => Instant::now(),
    }
}

/// The time of day, likewise.
pub(crate) fn system_time() -> SystemTime {
    match Clock::current() {
        Some(clock) => clock.0.started.1 + clock.elapsed(),
        None => SystemTime::now(),
    }
}

struct Sleep {
    clock: Clock,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if self.key.0 <= state.elapsed {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.key, cx.waker().clone());
        self.clock.0.changed.notify_all();
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // Dropped without the lock: a waker may run code.
        let waker = self.clock.state().sleepers.remove(&self.key);
        drop(waker);
    }
}

/// Wakes the thread that runs a future, and notes that it did.
struct Runner {
    thread: Thread,
    is_woken: Mutex<bool>,
}

impl Runner {
    fn take_wake(&self) -> bool {
        let mut is_woken = self.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *is_woken)
    }
}

impl Wake for Runner {
    fn wake(self: Arc<Self>) {
        *self.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advance_wakes_those_who_are_due() {
        let clock = Clock::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut first = Box::pin(clock.clone().sleep(Duration::from_secs(1)));
        let mut second = Box::pin(clock.clone().sleep(Duration::from_secs(2)));
        assert!(first.as_mut().poll(&mut cx).is_pending());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        clock.advance(Duration::from_millis(999));
        assert!(first.as_mut().poll(&mut cx).is_pending());
        clock.advance(Duration::from_millis(1));
        assert!(first.as_mut().poll(&mut cx).is_ready());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert_eq!(clock.state().sleepers.len(), 1);
        drop(second);
        assert!(clock.state().sleepers.is_empty());
    }

    #[test]
    fn run_goes_from_timer_to_timer() {
        let clock = Clock::default();
        let slept = clock.run(async {
            for _ in 0..3 {
                clock.clone().sleep(Duration::from_secs(3600)).await;
            }
            clock.elapsed()
        });
        assert_eq!(slept, Duration::from_secs(3 * 3600));
    }
}
