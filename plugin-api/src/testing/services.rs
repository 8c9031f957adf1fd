//! The host's services for a test: stderr, threads and the real clock.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::abi::host::{PluginLog, Scope, Services, TaskControl, install as install_services};

/// Waits for a future on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

pub(crate) fn install() {
    install_services(Box::new(Threads));
}

pub(super) struct Threads;

impl Services for Threads {
    fn log(&self, line: &PluginLog<'_>) {
        eprintln!(
            "{} {}: {} {:?}",
            line.level, line.handler, line.message, line.fields
        );
    }

    fn log_level(&self) -> u8 {
        3
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let shared: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
        let timer = Arc::clone(&shared);
        thread::spawn(move || {
            thread::sleep(duration);
            let mut state = timer.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = true;
            state.1.take().into_iter().for_each(Waker::wake);
        });
        Box::pin(std::future::poll_fn(move |cx| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        }))
    }
}

impl Scope for Threads {
    fn spawn(
        &self,
        _handler: &str,
        _name: &str,
        task: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn TaskControl> {
        let shared: Arc<Mutex<Option<_>>> = Arc::new(Mutex::new(Some(task)));
        let running = Arc::clone(&shared);
        thread::spawn(move || {
            block_on(std::future::poll_fn(|cx| {
                let mut slot = running.lock().unwrap_or_else(PoisonError::into_inner);
                slot.as_mut()
                    .map_or(Poll::Ready(()), |task| task.as_mut().poll(cx))
            }));
        });
        Box::new(Slot(shared))
    }
}

struct Slot(Arc<Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>>);

impl TaskControl for Slot {
    fn abort(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
