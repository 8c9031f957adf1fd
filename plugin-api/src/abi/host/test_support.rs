//! Handlers and requests for the tests of this room.
#![cfg(feature = "testing")]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{
    Call, Exchange, Guard, Handler, HandlerContext, HostBody, HostRequest, Incidents, Node,
    OnFailure, Tally,
};
use crate::abi::plugin::entry;
use crate::abi::root::HandlerEntry;
use crate::testing::services;
use crate::{App, Middleware};

/// What the incidents of a handler were told.
#[derive(Default)]
pub(super) struct Told {
    panics: Mutex<Vec<String>>,
    more: Condvar,
    /// Has it go out of service at once.
    strict: bool,
}

impl Told {
    /// Has its handler go out of service at the first panic.
    pub(super) fn strict() -> Arc<Self> {
        Arc::new(Self {
            strict: true,
            ..Self::default()
        })
    }

    /// Takes the messages of the panics up to now; waits for the first.
    pub(super) fn take(&self) -> Vec<String> {
        let limit = Duration::from_secs(5);
        let panics = self.panics.lock().unwrap();
        let waited = self
            .more
            .wait_timeout_while(panics, limit, |p| p.is_empty());
        std::mem::take(&mut *waited.unwrap().0)
    }

    /// The messages up to now.
    pub(super) fn now(&self) -> Vec<String> {
        self.panics.lock().unwrap().clone()
    }
}

impl Incidents for Told {
    fn panicked(&self, message: &str, _place: &str, guard: &Guard) {
        self.panics.lock().unwrap().push(message.to_owned());
        self.more.notify_all();
        guard.set(self.strict);
    }

    fn may_try(&self, _guard: &Guard) -> bool {
        false
    }

    fn blocked(&self) {}

    fn tally(&self) -> Tally {
        Tally::default()
    }
}

pub(super) fn app<A: App>(name: &str, told: &Arc<Told>) -> Node {
    layer(&entry::app::<A, false>("test"), name, told, None)
}

pub(super) fn over<M: Middleware>(name: &str, told: &Arc<Told>, next: Node) -> Node {
    let next = Some(Box::new(next));
    layer(&entry::middleware::<M, false>("test"), name, told, next)
}

fn layer(entry: &HandlerEntry, name: &str, told: &Arc<Told>, next: Option<Box<Node>>) -> Node {
    services::install();
    let context = HandlerContext {
        handler: name.to_owned(),
        plugin: "a \"plugin\"".to_owned(),
        fingerprint: "f00d".to_owned(),
        environment: "test".to_owned(),
        directory: "/".into(),
        scope: services::scope(),
        incidents: Arc::clone(told) as _,
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
