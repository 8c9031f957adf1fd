//! The answer to `stackup status`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Supervisor;
use super::pending::Responder;
use crate::process::ipc::Command;

/// How long a worker may take to answer. One that is stuck never does.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);

impl Supervisor {
    pub(super) fn request_status(&mut self, responder: Responder) {
        let query = self.pending.next_id();
        let own = self.own_status();
        let workers: BTreeSet<_> = self
            .workers
            .values()
            .filter(|worker| worker.ended.is_none() && worker.send(Command::Status { query }))
            .map(|worker| worker.number)
            .collect();
        let deadline = Instant::now() + STATUS_TIMEOUT;
        self.pending
            .expect_status(query, responder, own, workers, deadline);
    }

    pub(super) fn status_received(&mut self, query: u64, worker: u32, part: Value) {
        self.pending.status_part(query, worker, part);
    }

    fn own_status(&self) -> Value {
        let state = &self.state;
        let workers: Vec<_> = self
            .workers
            .values()
            .filter(|worker| worker.ended.is_none())
            .map(|worker| {
                json!({
                    "number": worker.number,
                    "pid": worker.pid.as_raw_nonzero().get(),
                    "state": worker.phase,
                    "seconds": worker.since.elapsed().as_secs_f64(),
                    "cause": worker.cause,
                    "silent_seconds": worker.silence().as_secs_f64(),
                })
            })
            .collect();
        let quarantine: Vec<_> = state
            .substitutes()
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
            "guests": self.guests.status(),
            "crashes": state.crashes,
            "renewals": state.renewals,
            "known_good": state.good.as_ref().map(|stack| stack.generation),
            "on_probation": state.on_probation(),
            "rolled_back": state.rejected,
            "quarantine": quarantine,
            "reloads": state.records,
            "incidents": state.incidents,
        })
    }
}
