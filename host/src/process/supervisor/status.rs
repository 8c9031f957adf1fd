//! What there is, for `stackup status`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Supervisor;
use super::pending::Asker;
use crate::process::ipc::Order;

/// How long a worker may take to answer; one that is stuck takes for ever.
const PATIENCE: Duration = Duration::from_millis(500);

impl Supervisor {
    pub(super) fn tell_status(&mut self, asker: Asker) {
        let query = self.answers.number();
        let own = self.own_status();
        let workers: BTreeSet<_> = self
            .workers
            .values()
            .filter(|worker| worker.ended.is_none() && worker.tell(Order::Status { query }))
            .map(|worker| worker.number)
            .collect();
        let deadline = Instant::now() + PATIENCE;
        self.answers
            .expect_status(query, asker, own, workers, deadline);
    }

    pub(super) fn status_came(&mut self, query: u64, worker: u32, part: Value) {
        self.answers.status_part(query, worker, part);
    }

    fn own_status(&self) -> Value {
        let memory = &self.memory;
        let workers: Vec<_> = self
            .workers
            .values()
            .map(|worker| {
                json!({
                    "number": worker.number,
                    "pid": worker.pid.as_raw_nonzero().get(),
                    "state": worker.phase,
                    "seconds": worker.since.elapsed().as_secs_f64(),
                    "cause": worker.cause,
                })
            })
            .collect();
        let quarantine: Vec<_> = memory
            .instead()
            .into_iter()
            .map(|held| {
                json!({
                    "fingerprint": held.fingerprint,
                    "reason": held.reason,
                    "instead": held.before.map(|before| before.fingerprint),
                })
            })
            .collect();
        json!({
            "stackup": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "manifest": self.settings.manifest,
            "environment": self.settings.environment,
            "seconds": self.since.elapsed().as_secs_f64(),
            "listening": self.sockets.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "workers": workers,
            "crashes": memory.crashes,
            "renewals": memory.renewals,
            "known_good": memory.good.as_ref().map(|stack| stack.generation),
            "on_probation": memory.on_probation(),
            "rolled_back": memory.avoid,
            "quarantine": quarantine,
            "reloads": memory.records,
            "incidents": memory.incidents,
        })
    }
}
