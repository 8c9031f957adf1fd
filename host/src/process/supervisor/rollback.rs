//! An earlier stack serves again, since a person wants it to. A rollback after a crash is `exits.rs`.

use serde_json::json;

use super::Supervisor;
use super::pending::{Responder, respond};
use crate::load::snapshot::{RejectedStack, Snapshot};
use crate::policy::is_shortage;
use crate::policy::restart::StackSource;
use crate::process::control::{Reply, ServedStack};

impl Supervisor {
    /// Replaces the worker by one that starts from an earlier stack.
    pub(super) fn roll_back(&mut self, generation: Option<u64>, responder: Responder) {
        let target = match self.state.history.target(generation) {
            Ok(target) => target,
            Err(why) => return respond(responder, Reply::error(why)),
        };
        let (generation, chosen) = (target.generation, target.state.clone());
        let start = StackSource::Saved(generation);
        let cause = format!("rollback to generation {generation}");
        let rejected = self.state.active.as_ref().map(|active| RejectedStack {
            state: active.state.clone(),
            reason: format!(
                "`stackup rollback` replaced it by the stack of generation {generation}"
            ),
            instead: Some(chosen),
        });
        if let Some(renewal) = self.begin_renewal(&cause, start, Some(responder), false) {
            renewal.rejects = rejected;
        }
    }

    /// Rejects the stack that an earlier one has replaced. Returns the text of the reply, with `took_over` in it.
    pub(super) fn rolled_back(&mut self, rejected: RejectedStack, took_over: &str) -> String {
        let active = self.state.active.as_ref();
        let generation = active.map(|active| active.generation).unwrap_or_default();
        let reason = &rejected.reason;
        tracing::warn!(
            event = "rollback",
            generation,
            "the stack on disk is not served until it changes: {reason}"
        );
        self.state
            .note(super::now(), format!("rolled back by hand: {reason}"));
        self.state.reject(rejected);
        format!(
            "an earlier stack serves again, as generation {generation}: {took_over}\n\
             the stack on disk is refused until it changes, or until `stackup reload --retry`"
        )
    }

    fn served_stack(&self, snapshot: &Snapshot) -> ServedStack {
        let settings = &self.settings;
        ServedStack {
            snapshot: snapshot.clone(),
            environment: settings.environment.clone(),
            build: settings.build.clone(),
            locked: settings.locked,
            trust: settings.trust,
        }
    }

    /// Gives up the earlier stacks if a worker lacks what these may take: room on the disk, or descriptors.
    pub(super) fn make_room(&mut self, refusal: Option<&str>) {
        if !refusal.is_some_and(is_shortage) {
            return;
        }
        let given_up = self.state.history.give_up_earlier();
        if given_up > 0 {
            self.prune();
            tracing::warn!(
                event = "history",
                stacks = given_up,
                "the stacks before the active one are given up to make room: none of them can serve again by `stackup rollback`"
            );
        }
    }

    pub(super) fn history_reply(&self) -> Reply {
        Reply::ok("", self.state.history.to_json())
    }

    /// The stack of `generation`, or the active one, for `stackup diff`.
    pub(super) fn snapshot_reply(&self, generation: Option<u64>) -> Reply {
        let found = match generation {
            None => self.state.active.as_ref(),
            Some(generation) => self.state.history.find(generation),
        };
        match (found, generation) {
            (Some(snapshot), _) => Reply::ok("", json!(self.served_stack(snapshot))),
            (None, None) => Reply::error("no stack has served yet: `stackup status` says why"),
            (None, Some(generation)) => Reply::error(format!(
                "the stack of generation {generation} is not kept\n\n\
                 help: `stackup history` lists those that are"
            )),
        }
    }
}
