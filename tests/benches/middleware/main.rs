//! The cost of a middleware: as a plugin across the ABI, as a boxed tower layer, as an inlined tower layer.
//!
//! Ten layers, each of which reads one request header and sets one response header, before the same
//! app, and ten layers that do nothing. Criterion reports each; the table at the end comes from
//! rounds in which all take turns, so that a busy machine is busy for all of them.

mod layers;
mod plugins;
#[path = "../stacks/mod.rs"]
mod stacks;
mod table;

use std::future::Future;
use std::hint::black_box;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::Criterion;
use http::{HeaderMap, HeaderName, HeaderValue};
use stackup::serve::stack::Stack;
use stackup_plugin::abi::host::{Connection, Exchange, HostBody, HostRequest};
use stackup_tests::browser::BROWSER_HEADERS;
use tower::Service;

use crate::layers::{Header, Request, Response};

/// The header that each layer reads.
const READS: [&str; 10] = [
    "host",
    "user-agent",
    "accept",
    "accept-language",
    "accept-encoding",
    "referer",
    "cookie",
    "connection",
    "upgrade-insecure-requests",
    "x-request-id",
];
/// The header that each layer sets.
const SETS: [&str; 10] = [
    "x-frame-options",
    "x-content-type-options",
    "referrer-policy",
    "permissions-policy",
    "x-layer-five",
    "x-layer-six",
    "x-layer-seven",
    "x-layer-eight",
    "x-layer-nine",
    "x-layer-ten",
];
/// To what.
const VALUE: &str = "a-value-of-usual-length";

/// A way to answer one request.
struct Subject {
    name: &'static str,
    call: Box<dyn FnMut()>,
}

fn subject(name: &'static str, call: impl FnMut() + 'static) -> Subject {
    let call = Box::new(call);
    Subject { name, call }
}

fn request(headers: &HeaderMap) -> Request {
    let mut request = http::Request::new(HostBody::Empty);
    *request.uri_mut() = http::Uri::from_static("/articles/42?page=7");
    *request.headers_mut() = headers.clone();
    request
}

/// Nothing here ever waits.
fn ready<F: Future>(future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a benched layer waits"),
    }
}

fn plugins(name: &'static str, stack: Stack, set: usize) -> Subject {
    let headers = template();
    subject(name, move || {
        let (parts, body) = request(&headers).into_parts();
        let exchange = Arc::new(Exchange::new(1));
        let request = HostRequest::new(parts, body, Connection::default(), exchange);
        let response = ready(stack.root.call(request)).expect("an answer");
        assert_eq!(response.headers().len(), 1 + set);
        black_box(response);
    })
}

fn tower<S>(name: &'static str, mut service: S, set: usize) -> Subject
where
    S: Service<Request, Response = Response> + 'static,
{
    let headers = template();
    subject(name, move || {
        let called = service.call(request(&headers));
        let response = ready(called).ok().expect("an answer");
        assert_eq!(response.headers().len(), 1 + set);
        black_box(response);
    })
}

fn template() -> HeaderMap {
    let pairs = BROWSER_HEADERS.iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    pairs.collect()
}

/// Each with its baseline: the same without layers.
fn subjects(host: &mut stacks::Host) -> Vec<Subject> {
    let headers: [Header; 10] = std::array::from_fn(|at| Header::new(READS[at], SETS[at], VALUE));
    let fold = |layer: fn(layers::Boxed, Header) -> layers::Boxed| {
        headers.into_iter().rev().fold(layers::boxed_app(), layer)
    };
    let nothing = |layer: fn(layers::Boxed) -> layers::Boxed| {
        (0..10).fold(layers::boxed_app(), |inner, _| layer(inner))
    };
    vec![
        plugins("plugin app", host.stack(&plugins::app()), 0),
        plugins("plugin headers", host.stack(&plugins::headers()), 10),
        plugins("plugin nothing", host.stack(&plugins::nothing()), 0),
        plugins("plugin measured", host.stack(&plugins::measured()), 0),
        tower("boxed app", layers::boxed_app(), 0),
        tower("boxed headers", fold(layers::boxed), 10),
        tower("boxed nothing", nothing(layers::boxed_nothing), 0),
        tower("lean boxed headers", fold(layers::lean), 10),
        tower("lean boxed nothing", nothing(layers::lean_nothing), 0),
        tower("inlined app", layers::app(), 0),
        tower("inlined headers", layers::monomorphised(headers), 10),
    ]
}

fn main() {
    let mut host = stacks::Host::new(PathBuf::from("/"), &["hello", "ten-headers"]);
    let mut subjects = subjects(&mut host);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("ten layers");
    for subject in &mut subjects {
        group.bench_function(subject.name, |bencher| bencher.iter(&mut subject.call));
    }
    group.finish();
    criterion.final_summary();
    // `cargo test --benches` only checks that it runs; a profile should have one subject only.
    let asked = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    if asked("--bench") && !asked("--profile-time") {
        table::print(&mut subjects);
    }
}
