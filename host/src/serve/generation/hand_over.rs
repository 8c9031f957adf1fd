//! State goes from instances to those that replace them, right before the swap. Whatever fails, the swap follows.

use std::time::Duration;

use stackup_plugin::abi::host::Handler;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::life_call::{Callee, life_call};

/// An instance that a swap replaces by another one of the same name.
pub(super) struct Heir {
    pub(super) before: Callee,
    pub(super) after: Callee,
}

/// Hands over the state of each, all at once and within `limit`.
pub(super) async fn hand_over(heirs: Vec<Heir>, limit: Duration) {
    let deadline = Instant::now() + limit;
    let mut running = JoinSet::new();
    for Heir { before, after } in heirs {
        running.spawn(async move {
            let given = life_call(before, "hand_over", deadline, Handler::hand_over);
            if let Some(state) = given.await.flatten() {
                let take = move |after: &Handler| after.inherit(&state);
                life_call(after, "inherit", deadline, take).await;
            }
        });
    }
    while running.join_next().await.is_some() {}
}
