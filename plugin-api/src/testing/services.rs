//! The host's services in a test: stderr, threads, and the real clock unless the test has one.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use super::clock::Clock;
use super::log::{Line, Log};
use super::server::TestServer;
use super::store::TestStore;
use crate::abi::host::{
    FetchRequest, Fetching, GuestFailure, GuestRequest, HostGuest, PluginLog, Services,
    StoreNamespace, TaskControl, TaskScope, install as install_services,
};
use crate::abi::plugin::loopback;
use crate::author;

/// Runs a future to its end on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    author::block_on::block_on(future)
}

pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        install_services(Box::new(Threads));
        loopback::attach();
    });
}

struct Threads;

/// Runs each task on a thread of its own.
pub(crate) fn scope() -> Arc<dyn TaskScope> {
    Arc::new(Threads)
}

impl Services for Threads {
    fn log(&self, raw: &PluginLog<'_>) {
        let line = Line::new(raw);
        // libtest shows the stderr of a failing test.
        if raw.level <= 3 {
            eprintln!("{line}");
        }
        if let Some(log) = Log::current() {
            log.push(line);
        }
    }

    fn log_level(&self) -> u8 {
        5
    }

    fn store(&self, namespace: &str) -> Arc<dyn StoreNamespace> {
        TestStore::current().namespace(namespace)
    }

    fn fetch(&self, request: FetchRequest) -> Fetching {
        TestServer::current().fetch(request)
    }

    fn guest(&self, _request: GuestRequest) -> Result<Arc<dyn HostGuest>, GuestFailure> {
        Ok(Arc::new(TestServer::current()))
    }

    fn metrics_text(&self, is_open_metrics: bool) -> String {
        let end = if is_open_metrics { "# EOF\n" } else { "" };
        format!("# TYPE test gauge\ntest 1\n{end}")
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        if let Some(clock) = Clock::current() {
            return Box::pin(clock.sleep(duration));
        }
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

impl TaskScope for Threads {
    fn spawn(
        &self,
        _handler: &str,
        _name: &str,
        task: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn TaskControl> {
        let control = Arc::new(Control::default());
        let (running, log, store) = (Arc::clone(&control), Log::current(), TestStore::current());
        let server = TestServer::current();
        let clock = Clock::current();
        thread::spawn(move || {
            Log::inherit(log);
            Clock::inherit(clock);
            store.inherit();
            server.inherit();
            let mut task = task;
            block_on(std::future::poll_fn(|cx| running.poll(task.as_mut(), cx)));
        });
        Box::new(control)
    }
}

/// Whether a task is aborted, and how to wake it.
#[derive(Default)]
struct Control(Mutex<(bool, Option<Waker>)>);

impl Control {
    fn poll(
        &self,
        task: Pin<&mut (dyn Future<Output = ()> + Send)>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
        }
        // Not under the lock: a task may abort itself.
        task.poll(cx)
    }
}

impl TaskControl for Arc<Control> {
    fn abort(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = true;
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}
