//! Many swaps of code under load: no request fails, and nothing grows with their number.
//!
//! `cargo run --release -p stackup-tests --example endurance`, `SWAPS=10000` by default. The budget of 200
//! retired generations is spent again and again, so that worker follows worker while clients ask. Ends
//! with 1 if a request failed or a worker died.

mod clients;
mod processes;
mod table;

use std::process::ExitCode;

use rustix::process::Signal;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts, marks, within};

use self::clients::Clients;
use self::processes::Processes;
use self::table::Table;

/// Swaps to a row of the table.
const ROW: u64 = 500;
/// The number of layers that the checks of `marked` expect.
const LAYERS: usize = 3;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let swaps = std::env::var("SWAPS").ok();
    let swaps: u64 = swaps.and_then(|text| text.parse().ok()).unwrap_or(20 * ROW);
    let library = read(artifacts::plugin("marked"));
    let budget = "[renewal]\ngenerations = 200\nmemory = \"off\"\n";
    let site = Site::new(&(marks::manifest(LAYERS, 0) + budget), &[]);
    site.library("marked", &marks::with_code(&library, 0));
    let mut host = Host::start(&site).await;
    let mut processes = Processes::of(&host);
    let mut clients = Clients::start(host.address());
    let mut table = Table::begin(swaps);
    for code in 1..=swaps {
        site.library("marked", &marks::with_code(&library, code));
        // The next worker may report a change that comes during a renewal, so no
        // event of a particular worker is awaited.
        within("the new code", clients.see(code)).await;
        processes.read_log(&host);
        table.add(processes.sample());
        if code % ROW == 0 || code == swaps {
            table.row(code, &processes, &clients);
        }
    }
    let failures = clients.stop().await;
    host.signal(Signal::TERM);
    let ended = host.exited().await.success();
    processes.read_log(&host);
    let left = processes.left_behind();
    println!("\nruntime directories left behind: {left}");
    for failure in &failures {
        println!("failed: {failure}");
    }
    for incident in &processes.incidents {
        println!("incident: {incident}");
    }
    let good = failures.is_empty() && processes.incidents.is_empty() && left == 0 && ended;
    ExitCode::from(u8::from(!good))
}
