//! What a call of the store costs a plugin, through the boundary: in memory, in a file, in Redis.
//!
//! One call after the other, and 64 requests at once. The engine in memory is measured in nanoseconds, without the
//! request around the calls.

#[path = "../stacks/mod.rs"]
mod stacks;

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stackup::serve::stack::Stack;
use stackup::services::{self, RedisSettings, RedisUrl, StoreHub, StoreSettings};
use stackup_plugin::abi::host::{Connection, Exchange, HostBody, HostRequest};
use stackup_tests::RedisServer;
use tokio::runtime::Runtime;

const OPERATIONS: [&str; 3] = ["get", "set", "add"];

/// The calls of one request, the rounds of which the best counts, and the requests that run at once.
const CALLS: u32 = 1000;
const ROUNDS: usize = 20;
const AT_ONCE: u32 = 64;

fn main() {
    // `cargo test --benches` only checks that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = Runtime::new().expect("a runtime");
    let hub = {
        let _entered = runtime.enter();
        services::install(0).store
    };
    let mut host = stacks::Host::new(PathBuf::from("/"), &["store-calls"]);
    println!("| engine | operation | one after the other | {AT_ONCE} at once, each |");
    println!("|---|---|---:|---:|");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.redb");
    measure(
        &mut host,
        &runtime,
        &hub,
        "memory",
        &StoreSettings::default(),
    );
    measure(
        &mut host,
        &runtime,
        &hub,
        "file",
        &StoreSettings::File { path },
    );
    if let Some(server) = RedisServer::start() {
        let settings = StoreSettings::Redis(RedisSettings {
            url: RedisUrl::parse(&server.url()).expect("a URL"),
            timeout: Duration::from_secs(10),
            prefix: RedisSettings::PREFIX.to_owned(),
        });
        measure(&mut host, &runtime, &hub, "redis", &settings);
    }
}

fn measure(
    host: &mut stacks::Host,
    runtime: &Runtime,
    hub: &StoreHub,
    engine: &str,
    settings: &StoreSettings,
) {
    let opened = hub.open_engine(settings, false).expect("an engine");
    hub.switch(opened.expect("another engine"));
    let mut stack = |operation: &str, calls: u32| {
        Arc::new(host.stack(&format!(
            "[run]\nplugin = \"store-calls\"\nconfig = {{ operation = \"{operation}\", calls = {calls} }}\n"
        )))
    };
    // What a slow engine does a thousand times would take minutes.
    let (calls, rounds) = match engine {
        "memory" => (CALLS, ROUNDS),
        _ => (50, 5),
    };
    runtime.block_on(call(&stack("set", 1)));
    for operation in OPERATIONS {
        let (none, many) = (stack(operation, 0), stack(operation, calls));
        let best = |stack: &Arc<Stack>| {
            let rounds = (0..rounds).map(|_| {
                let start = Instant::now();
                runtime.block_on(call(stack));
                start.elapsed()
            });
            rounds.min().unwrap_or_default()
        };
        let alone = best(&many).saturating_sub(best(&none)) / calls;
        let one = stack(operation, calls);
        let start = Instant::now();
        runtime.block_on(async {
            let requests = (0..AT_ONCE).map(|_| {
                let stack = Arc::clone(&one);
                tokio::spawn(async move { call(&stack).await })
            });
            for request in requests.collect::<Vec<_>>() {
                request.await.expect("an answer");
            }
        });
        let together = start.elapsed() / (calls * AT_ONCE);
        println!(
            "| {engine} | {operation} | {} | {} |",
            shown(alone),
            shown(together)
        );
    }
}

async fn call(stack: &Stack) {
    let (parts, ()) = http::Request::new(()).into_parts();
    let exchange = Arc::new(Exchange::new(1));
    let request = HostRequest::new(parts, HostBody::Empty, Connection::default(), exchange);
    black_box(stack.root.call(request).await.expect("an answer"));
}

fn shown(time: Duration) -> String {
    match time.as_nanos() {
        nanoseconds @ ..10_000 => format!("{nanoseconds} ns"),
        nanoseconds => format!("{:.1} µs", nanoseconds as f64 / 1000.0),
    }
}
