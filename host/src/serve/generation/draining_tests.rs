use std::task::{Context, Waker};

use stackup_plugin::abi::host::{Connection, HostBody, HostRequest};

use super::super::active::Active;
use super::super::drain_state::DrainDeadline;
use super::super::drain_watch::tests::{generation, new_instances};
use super::super::generation::Generation;
use super::super::instance::InstanceId;
use super::*;

/// A request that waits for its deadline to be known.
struct Waiting {
    request: HostRequest,
    draining: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Waiting {
    fn at(level: u32, origin: &Generation) -> Self {
        let exchange = Arc::new(Exchange::new(origin.number));
        let (parts, ()) = http::Request::new(()).into_parts();
        let connection = Connection::default();
        let request = HostRequest::new(parts, HostBody::Empty, connection, Arc::clone(&exchange));
        if level > 0 {
            request.enter_level(0, level);
        }
        let source: Arc<dyn DrainSource> = Arc::clone(origin.drain()) as _;
        Self {
            request,
            draining: source.draining(exchange),
        }
    }

    fn has_deadline(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.draining.as_mut().poll(&mut cx).is_ready()
    }
}

#[test]
fn request_has_a_deadline_once_a_handler_that_it_may_enter_is_replaced() {
    let [outer, a, b] = new_instances();
    let first = generation(1, &[outer, a, b]);
    let active = Arc::new(Active::new(Arc::clone(&first)));
    let [mut before, mut at_a, mut at_b] = [0, 1, 2].map(|level| Waiting::at(level, &first));
    for waiting in [&mut before, &mut at_a, &mut at_b] {
        assert!(!waiting.has_deadline());
    }
    active.swap(generation(2, &[outer, a, InstanceId::new()]));
    assert!(before.has_deadline() && at_b.has_deadline());
    assert!(!at_a.has_deadline());
    assert!(!Waiting::at(1, &first).has_deadline(), "asked later, too");
    first.drain().expire(DrainDeadline::Requests);
    assert!(!at_a.has_deadline(), "the deadline of others");
    active.swap(generation(3, &[outer, a, InstanceId::new()]));
    assert!(!at_a.has_deadline());
    active.swap(generation(
        4,
        &[outer, InstanceId::new(), InstanceId::new()],
    ));
    assert!(at_a.has_deadline());
}

#[test]
fn all_have_a_deadline_once_the_server_ends() {
    let [outer, a, b] = new_instances();
    let first = generation(1, &[outer, a, b]);
    let active = Arc::new(Active::new(Arc::clone(&first)));
    let mut kept = Waiting::at(1, &first);
    assert!(!kept.has_deadline());
    active.swap(generation(2, &[outer, a, InstanceId::new()]));
    assert!(!kept.has_deadline());
    let second = active.load();
    let mut new = Waiting::at(2, &second);
    assert!(!new.has_deadline());
    second.drain().begin_server_end();
    assert!(kept.has_deadline() && new.has_deadline());
    assert!(Waiting::at(0, &second).has_deadline(), "later ones, too");
}

#[test]
fn kept_request_that_is_sent_to_replaced_code_has_a_deadline() {
    let [outer, a, b] = new_instances();
    let first = generation(1, &[outer, a, b]);
    let active = Arc::new(Active::new(Arc::clone(&first)));
    let mut waiting = Waiting::at(1, &first);
    active.swap(generation(2, &[outer, a, InstanceId::new()]));
    assert!(!waiting.has_deadline());
    // The second time it comes by the router it goes to the other map.
    waiting.request.enter_level(0, 2);
    assert!(waiting.has_deadline());
}
