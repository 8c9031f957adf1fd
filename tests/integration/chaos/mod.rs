//! Constant load during faults of every kind.
//!
//! The short form runs each action once and is part of `cargo test`; `STACKUP_CHAOS=long` runs hundreds in random
//! order (`STACKUP_CHAOS_ACTIONS`, `STACKUP_CHAOS_SEED`).

mod actions;
mod clients;
mod lasting;
mod real_crates;
mod server;

use stackup_tests::within;

use self::actions::{ALL, Action};
use self::clients::Clients;
use self::lasting::Lasting;
use self::server::TestServer;

/// Pseudo-random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn plan(random: &mut Random) -> Vec<Action> {
    if std::env::var("STACKUP_CHAOS").as_deref() != Ok("long") {
        return ALL.to_vec();
    }
    let actions = number("STACKUP_CHAOS_ACTIONS", 300);
    (0..actions)
        .map(|_| ALL[random.next() as usize % ALL.len()])
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_loses_only_requests_of_dead_workers() {
    let mut random = Random(number("STACKUP_CHAOS_SEED", 1));
    let plan = plan(&mut random);
    let mut server = TestServer::new().await;
    let mut clients = Clients::start(server.host.address(), 0);
    clients.wait_for_responses().await;
    server.wait_until_proven().await;
    let descriptors = server.descriptors();
    let mut lasting = Lasting::open(&server).await;
    let mut lost = 0;
    for (number, action) in plan.iter().enumerate() {
        let state = std::sync::Arc::clone(&clients.state);
        action.run(&mut server, &state, random.next()).await;
        clients.wait_for_responses().await;
        lasting.check(&server, *action).await;
        state.allow_failures(false);
        let now = state.lost();
        let by_this = now - lost;
        println!("{number}: {action:?} has lost {by_this}");
        assert!(
            by_this <= action.max_lost(),
            "{action:?} has lost {by_this} requests; the log:\n{}",
            server.host.log()
        );
        lost = now;
    }
    let (told, cut) = lasting.close();
    println!("{told} streams and sockets were told that they end, {cut} were cut");
    assert!(told > 0, "new code and a renewal end some");
    // A worker keeps its libraries mapped until it exits.
    server.restart().await;
    server.assert_nothing_left().await;
    // It closes those of the last worker when it has read what they still hold.
    // And it keeps the two libraries that change open for three earlier stacks.
    within("a supervisor without leaked descriptors", async {
        while server.descriptors() > descriptors + 2 + 2 * 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answered = clients.stop().await;
    println!("{} actions: {answered} answered, {lost} lost", plan.len());
}
