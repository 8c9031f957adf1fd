//! Handlers and requests for the tests of `abi::host`.
#![cfg(feature = "testing")]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{
    Below, BreakerFlag, Call, Exchange, FailureMonitor, FailureStats, Handler, HandlerContext,
    HolderSlot, HostBody, HostRequest, Node, OnFailure,
};
use crate::abi::plugin::entry;
use crate::abi::root::HandlerEntry;
use crate::testing::services;
use crate::{App, Middleware};

/// Records the panics of a handler.
#[derive(Default)]
pub(super) struct RecordedFailures {
    panics: Mutex<Vec<String>>,
    changed: Condvar,
    /// Takes the handler out of service at the first panic.
    strict: bool,
}

impl RecordedFailures {
    /// A monitor that takes its handler out of service at the first panic.
    pub(super) fn strict() -> Arc<Self> {
        Arc::new(Self {
            strict: true,
            ..Self::default()
        })
    }

    /// Takes the panic messages so far; waits for the first.
    pub(super) fn take(&self) -> Vec<String> {
        let limit = Duration::from_secs(5);
        let panics = self.panics.lock().unwrap();
        let waited = self
            .changed
            .wait_timeout_while(panics, limit, |p| p.is_empty());
        std::mem::take(&mut *waited.unwrap().0)
    }

    /// The panic messages so far.
    pub(super) fn now(&self) -> Vec<String> {
        self.panics.lock().unwrap().clone()
    }
}

impl FailureMonitor for RecordedFailures {
    fn panicked(&self, message: &str, _place: &str, flag: &BreakerFlag) {
        self.panics.lock().unwrap().push(message.to_owned());
        self.changed.notify_all();
        flag.set(self.strict);
    }

    fn allows_request(&self, _flag: &BreakerFlag) -> bool {
        false
    }

    fn blocked(&self) {}

    fn stats(&self) -> FailureStats {
        FailureStats::default()
    }
}

pub(super) fn app<A: App>(name: &str, failures: &Arc<RecordedFailures>) -> Node {
    layer(&entry::app::<A, false>("test"), name, failures, None)
}

pub(super) fn over<M: Middleware>(
    name: &str,
    failures: &Arc<RecordedFailures>,
    next: Node,
) -> Node {
    let next = Some(Box::new(Below {
        node: next,
        holder: HolderSlot::default(),
    }));
    layer(&entry::middleware::<M, false>("test"), name, failures, next)
}

fn layer(
    entry: &HandlerEntry,
    name: &str,
    failures: &Arc<RecordedFailures>,
    next: Option<Box<Below>>,
) -> Node {
    services::install();
    let context = HandlerContext {
        handler: name.to_owned(),
        plugin: "a \"plugin\"".to_owned(),
        fingerprint: "f00d".to_owned(),
        environment: "test".to_owned(),
        directory: "/".into(),
        scope: services::scope(),
        failures: Arc::clone(failures) as _,
        life: Arc::default(),
        counters: Arc::default(),
    };
    Node::Layer {
        handler: Arc::new(Handler::init(entry.table, "{}", context).unwrap()),
        next,
        on_failure: OnFailure::FailClosed,
    }
}

pub(super) fn bypassed(node: Node) -> Node {
    let Node::Layer { handler, next, .. } = node else {
        unreachable!()
    };
    Node::Layer {
        handler,
        next,
        on_failure: OnFailure::Bypass,
    }
}

/// A request to the path, served by this generation.
pub(super) fn request(path: &str, generation: u64) -> (HostRequest, Arc<Exchange>) {
    let exchange = Arc::new(Exchange::new(generation));
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.uri = path.parse().unwrap();
    let body = HostBody::Empty;
    let request = HostRequest::new(parts, body, Default::default(), Arc::clone(&exchange));
    (request, exchange)
}

/// Polls once.
pub(super) fn poll<'a>(call: &mut Call<'a>) -> Poll<<Call<'a> as Future>::Output> {
    pin!(call).poll(&mut Context::from_waker(Waker::noop()))
}
