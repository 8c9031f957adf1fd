//! The cost of a request in a whole server: `stackup`, hyper, tower's layers and axum's; and of a router of axum's, as a plugin and
//! by axum itself.
//!
//! Each server has one core and one worker, the client has the other core. What counts is the time
//! that the server's threads ran, by the requests they answered: it holds even where the client is
//! the slower of the two. The servers take turns, so that a busy machine is busy for all of them.

mod client;
mod subject;

use std::time::{Duration, Instant};

use self::client::{CONNECTIONS, Client};
use self::subject::{Server, stay_on};

const ROUND: Duration = Duration::from_millis(1500);

/// One turn of one server.
#[derive(Clone, Copy)]
struct Turn {
    /// Microseconds of the processor's time per request.
    cost: f64,
    /// Requests per second.
    rate: f64,
}

fn main() {
    // `cargo test --benches` only checks that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let rounds = std::env::var("ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(compare(rounds.unwrap_or(9)));
}

async fn compare(rounds: usize) {
    // Build on all cores before anything is measured.
    stackup_tests::artifacts::stackup();
    stackup_tests::artifacts::plugin("hello");
    stackup_tests::artifacts::plugin("axum-router");
    stackup_tests::artifacts::example("rival");
    stay_on(0);
    let servers = [
        Server::rival("hyper", "hyper", 0),
        Server::stackup("stackup, hello", 0).await,
        Server::rival("hyper, ten inlined tower layers", "tower", 10),
        Server::stackup("stackup, hello behind ten middleware", 10).await,
        Server::rival("axum, ten `Router::layer`s", "axum", 10),
        Server::rival("axum, a router of 20 routes", "router", 0),
        Server::router("stackup, the same router as a plugin").await,
    ];
    stay_on(1);
    let mut clients = Vec::new();
    for server in &servers {
        let mut client = Client::connect(&server.address, server.set).await;
        client.run(ROUND / 3).await;
        clients.push(client);
    }
    let mut turns: Vec<Vec<Turn>> = servers.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (at, server) in servers.iter().enumerate() {
            let (before, start) = (server.time(), Instant::now());
            let count = clients[at].run(ROUND).await as f64;
            turns[at].push(Turn {
                cost: (server.time() - before) * 1e6 / count,
                rate: count / start.elapsed().as_secs_f64(),
            });
        }
    }
    println!("\n{CONNECTIONS} connections, medians of {rounds} rounds:\n");
    println!("| server | µs CPU per request | × hyper | × ten tower layers | requests/s |");
    println!("|---|---:|---:|---:|---:|");
    for (server, own) in servers.iter().zip(&turns) {
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.0} |",
            server.name,
            median(own.iter().map(|turn| turn.cost)),
            ratio(own, &turns[0]),
            ratio(own, &turns[2]),
            median(own.iter().map(|turn| turn.rate)),
        );
    }
    if let [.., by_axum, as_plugin] = &turns[..] {
        let ratio = ratio(as_plugin, by_axum);
        println!("\nThe router as a plugin takes {ratio:.2} × what axum itself takes.");
    }
}

/// The median of the ratios of the same round.
fn ratio(own: &[Turn], base: &[Turn]) -> f64 {
    let pairs = own.iter().zip(base);
    median(pairs.map(|(own, base)| own.cost / base.cost))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
