//! The answer to `stackup metrics`: the serving worker's figures, and the supervisor's own.

use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::Supervisor;
use super::pending::{Responder, respond};
use crate::process::control::Reply;
use crate::services::FamilyKind::{Counter, Gauge};
use crate::services::{DataCommand, Families};

impl Supervisor {
    pub(super) fn request_metrics(&mut self, responder: Responder) {
        let own = self.own_families();
        let (worker, reply) = oneshot::channel();
        tokio::spawn(async move {
            if let Ok(reply) = reply.await {
                respond(responder, with_own(reply, own));
            }
        });
        self.run_data_command(DataCommand::Metrics, worker);
    }

    fn own_families(&self) -> Families {
        let mut families = Families::default();
        let build = ("stackup_build_info", Gauge, "The version that serves");
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        families.add(build, &version, 1.0);
        let uptime = (
            "stackup_uptime_seconds",
            Gauge,
            "How long the supervisor has run; its counters begin with it",
        );
        families.add(uptime, &[], self.since.elapsed().as_secs_f64());
        let workers = self.workers.values();
        let workers = workers.filter(|worker| worker.ended.is_none()).count();
        let family = (
            "stackup_workers",
            Gauge,
            "Worker processes, those that start or end among them",
        );
        families.add(family, &[], workers as f64);
        let crashes = ("stackup_worker_crashes", Counter, "Crashes of workers");
        families.add(crashes, &[], self.state.crashes as f64);
        let renewals = (
            "stackup_worker_renewals",
            Counter,
            "Workers that were replaced in good order",
        );
        families.add(renewals, &[], self.state.renewals as f64);
        self.guests.add_figures(&mut families);
        families
    }
}

/// The reply with the supervisor's own figures before the worker's.
fn with_own(reply: Reply, mut families: Families) -> Reply {
    if !reply.ok {
        return reply;
    }
    match Families::deserialize(reply.value) {
        Ok(of_worker) => {
            families.append(of_worker);
            Reply::ok("", json!(families))
        }
        Err(error) => Reply::error(format!("the worker's figures can't be read: {error}")),
    }
}
