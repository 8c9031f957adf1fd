//! The cost of each middleware of the shelf, against one that does nothing.
//!
//! One layer above an app that answers with a page of 1 KiB, the body included; the cost is what the stack takes with
//! the layer, less what it takes without. All take turns, so that a busy machine is busy for all of them.

mod layers;
mod services;
#[path = "../stacks/mod.rs"]
mod stacks;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use stackup::serve::stack::Stack;
use stackup_plugin::abi::host::{Connection, Exchange, HostBody, HostRequest};

use self::layers::{LAYERS, Layer};

const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_millis(8);

/// A layer above the app, and its request.
struct Subject {
    name: String,
    stack: Stack,
    method: Method,
    headers: HeaderMap,
    body: &'static str,
    status: u16,
}

impl Subject {
    fn new(host: &mut stacks::Host, layer: &Layer) -> Self {
        let header = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        Self {
            name: layer.title(),
            stack: host.stack(&layer.manifest()),
            method: layer.method.parse().expect("a method"),
            headers: layers::browser_headers()
                .chain(layer.headers)
                .map(header)
                .collect(),
            body: layer.body,
            status: layer.status,
        }
    }

    /// One request, to the last byte of its response.
    fn call(&self) {
        let body = match self.body {
            "" => HostBody::Empty,
            body => HostBody::Full(body.into()),
        };
        let mut request = http::Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = http::Uri::from_static("/articles/42?page=7");
        *request.headers_mut() = self.headers.clone();
        let (parts, body) = request.into_parts();
        let exchange = Arc::new(Exchange::new(1));
        let connection = Connection {
            remote: Some(([192, 0, 2, 7], 50_000).into()),
            ..Connection::default()
        };
        let request = HostRequest::new(parts, body, connection, exchange);
        block_on(async {
            let response = self.stack.root.call(request).await.expect("an answer");
            assert_eq!(response.status().as_u16(), self.status, "{}", self.name);
            let (_, _, mut body) = response.into_parts();
            while let Some(frame) = body.frame().await {
                std::hint::black_box(frame.expect("a body"));
            }
        });
    }

    /// Nanoseconds per request.
    fn time(&self, round: Duration) -> f64 {
        let mut count = 0_u32;
        let start = Instant::now();
        loop {
            for _ in 0..16 {
                self.call();
            }
            count += 16;
            let took = start.elapsed();
            if took >= round {
                return took.as_nanos() as f64 / f64::from(count);
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Some layers use a thread that may wait for a disk.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn main() {
    let place = tempfile::tempdir().expect("a directory");
    std::fs::write(place.path().join("page.html"), layers::PAGE).expect("a file");
    let mut plugins: BTreeSet<&str> = LAYERS.iter().map(Layer::plugin).collect();
    plugins.insert("respond");
    let plugins: Vec<&str> = plugins.into_iter().collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    services::provide(runtime.handle().clone());
    let mut host = stacks::Host::new(place.path().to_path_buf(), &plugins);
    let subjects: Vec<Subject> = LAYERS
        .iter()
        .map(|layer| Subject::new(&mut host, layer))
        .collect();
    for subject in &subjects {
        subject.call();
    }
    // `cargo test --benches` only checks that it runs.
    if std::env::args().any(|argument| argument == "--bench") {
        print(&subjects);
    }
}

/// Measures in turns, and prints medians.
fn print(subjects: &[Subject]) {
    let mut rounds: Vec<Vec<f64>> = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(subjects.iter().map(|subject| subject.time(ROUND)).collect());
    }
    let cost = |at: usize| median(rounds.iter().map(|round| round[at] - round[0]).collect());
    let alone = median(rounds.iter().map(|round| round[0]).collect());
    println!("\nthe app alone: {alone:.0} ns a request\n");
    println!("| layer | ns | × nothing |\n|---|---:|---:|");
    let nothing = cost(1);
    for (at, subject) in subjects.iter().enumerate().skip(1) {
        let ratio = median(
            rounds
                .iter()
                .map(|round| (round[at] - round[0]) / nothing)
                .collect(),
        );
        println!("| {} | {:.0} | {ratio:.1} |", subject.name, cost(at));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
