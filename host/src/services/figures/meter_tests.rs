use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Instant;

use http::StatusCode;
use stackup_plugin::abi::host::{
    Exchange, HostApp, HostBody, HostResponse, MeasuredNode, Node, Outcome,
};

use super::*;

fn request() -> HostRequest {
    let (parts, ()) = http::Request::new(()).into_parts();
    let exchange = Arc::new(Exchange::new(1));
    HostRequest::new(parts, HostBody::Empty, Default::default(), exchange)
}

fn response(status: u16) -> HostResponse {
    HostResponse::new(StatusCode::from_u16(status).unwrap(), HostBody::Empty)
}

fn failure(handler: &str, kind: RawErrorKind) -> Failure {
    Failure {
        kind,
        handler: handler.to_owned(),
        ..Failure::body(StatusCode::INTERNAL_SERVER_ERROR, "")
    }
}

#[test]
fn calls_of_many_threads_are_counted_by_class() {
    let meter = Meter::new(None);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for status in [101, 200, 201, 304, 404, 503, 799] {
                    let start = meter.begin(&mut request());
                    meter.end(start, 0, CallEnd::Response(&mut response(status)));
                }
                let start = meter.begin(&mut request());
                meter.end(start, 0, CallEnd::Canceled);
                meter.begin(&mut request());
            });
        }
    });
    let figures = meter.figures();
    // No class has 799.
    assert_eq!(figures.ends, [4, 8, 4, 4, 8, 4]);
    assert_eq!(figures.in_flight, 4);
    assert_eq!((figures.total.count(), figures.own.count()), (32, 32));
}

#[test]
fn layer_counts_only_its_own_failures_and_panics() {
    let meter = Meter::new(Some("auth#basic".to_owned()));
    let end = |failure: &Failure| {
        let start = meter.begin(&mut request());
        meter.end(start, 0, CallEnd::Failure(failure));
    };
    end(&failure("auth#basic", RawErrorKind::Handler));
    end(&failure("auth#basic", RawErrorKind::Panic));
    end(&failure("auth", RawErrorKind::Panic));
    end(&failure("", RawErrorKind::Body));
    let figures = meter.figures();
    assert_eq!((figures.failures, figures.panics), (2, 1));
    assert_eq!(figures.ends[4], 4);
}

#[test]
fn own_time_is_without_what_is_below() {
    let meter = Meter::new(None);
    let start = meter.begin(&mut request());
    let took = meter.end(start, 0, CallEnd::Canceled);
    let start = CallStart { time: 0, ..start };
    let total = meter.end(start, took, CallEnd::Canceled);
    let figures = meter.figures();
    let total_sum = clock::nanoseconds(took) + clock::nanoseconds(total);
    assert_eq!(figures.total.sum, total_sum);
    // Both are rounded.
    let below = figures.total.sum - figures.own.sum;
    assert!(below.abs_diff(clock::nanoseconds(took)) <= 1, "{below}");
}

/// Answers at once.
struct Answers;

impl HostApp for Answers {
    fn call(&self, _: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        Box::pin(std::future::ready(Ok(response(200))))
    }
}

/// `cargo test --release -p stackup --lib -- --ignored --nocapture time_of_a_measured_call`
#[test]
#[ignore = "a measurement"]
fn time_of_a_measured_call() {
    const LAYERS: u32 = 10;
    const CALLS: u32 = 1_000;
    clock::calibrate();
    let stack = |layers| {
        let app = Node::HostApp(Box::new(Answers));
        (0..layers).fold(app, |node, _| {
            let meter = Arc::new(Meter::new(None)) as _;
            Node::Measured(Box::new(MeasuredNode { node, meter }))
        })
    };
    // The least of many batches: what disturbs one only adds time.
    let time = |stack: &Node| {
        let batch = || {
            let begun = Instant::now();
            for _ in 0..CALLS {
                let call = pin!(stack.call(request()));
                let polled = call.poll(&mut Context::from_waker(Waker::noop()));
                assert!(polled.is_ready());
            }
            begun.elapsed() / CALLS
        };
        (0..2_000).map(|_| batch()).min().unwrap()
    };
    let (without, with) = (time(&stack(0)), time(&stack(LAYERS)));
    println!(
        "{without:?} without, {with:?} with {LAYERS}: {:?} each",
        (with - without) / LAYERS
    );
}
