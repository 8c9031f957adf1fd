//! Constant load while everything goes wrong that can.
//!
//! The short form does each deed once and is part of `cargo test`; `STACKUP_CHAOS=long` does hundreds at
//! random (`STACKUP_CHAOS_DEEDS`, `STACKUP_CHAOS_SEED`).

mod actions;
mod clients;
mod server;

use self::actions::{ALL, Deed};
use self::clients::Clients;
use self::server::Stage;

/// Numbers that look like chance (splitmix64), the same for the same seed.
struct Chance(u64);

impl Chance {
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

fn plan(chance: &mut Chance) -> Vec<Deed> {
    if std::env::var("STACKUP_CHAOS").as_deref() != Ok("long") {
        return ALL.to_vec();
    }
    let deeds = number("STACKUP_CHAOS_DEEDS", 300);
    (0..deeds)
        .map(|_| ALL[chance.next() as usize % ALL.len()])
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_loses_only_requests_of_dead_workers() {
    let mut chance = Chance(number("STACKUP_CHAOS_SEED", 1));
    let plan = plan(&mut chance);
    let mut stage = Stage::new().await;
    let mut clients = Clients::start(stage.host.address(), 0);
    clients.round().await;
    stage.proven().await;
    let descriptors = stage.descriptors();
    let mut lost = 0;
    for (number, deed) in plan.iter().enumerate() {
        let book = std::sync::Arc::clone(&clients.book);
        deed.happen(&mut stage, &book, chance.next()).await;
        clients.round().await;
        book.panics(false);
        let now = book.lost();
        let by_this = now - lost;
        println!("{number}: {deed:?} has lost {by_this}");
        assert!(
            by_this <= deed.may_lose(),
            "{deed:?} has lost {by_this} requests; the log:\n{}",
            stage.host.log()
        );
        lost = now;
    }
    // What a worker has loaded is there until it ends, however long it has swapped.
    stage.restart().await;
    stage.is_tidy().await;
    let more = stage.descriptors().saturating_sub(descriptors);
    assert!(more <= 2, "the supervisor has {more} descriptors more");
    let answered = clients.stop().await;
    println!("{} deeds: {answered} answered, {lost} lost", plan.len());
}
