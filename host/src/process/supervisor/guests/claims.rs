//! The claims of workers to guests, and the answers they get.

use std::time::{Duration, Instant};

use super::super::Supervisor;
use super::super::start::GRACE;
use super::super::worker::{Phase, Worker};
use super::ProcessEvent;
use crate::process::ipc::Command;
use crate::services::{GuestEvent, GuestState};

impl Supervisor {
    /// A worker says something about its claims.
    pub(in super::super) fn guest_claimed(&mut self, number: u32, event: GuestEvent) {
        // One that has exited has none.
        let Some(worker) = self.workers.get_mut(&number) else {
            return;
        };
        if let GuestEvent::Wanted { options, .. } = &event
            && let Some(deadline) = &mut worker.deadline
            && worker.phase == Phase::Starting
        {
            // Its start takes as long as that of its guests.
            let limit = Duration::from_millis(options.ready_timeout) + GRACE;
            *deadline = (*deadline).max(Instant::now() + limit);
        }
        self.guests.handle(number, event);
    }

    /// Something has happened to a process of a guest.
    pub(in super::super) fn guest_event(&mut self, process: u32, event: &ProcessEvent) {
        let rules = self.state.rules();
        // It can't tell a request from a connection that has changed its protocol.
        let drain = Duration::from_millis(rules.drain_timeout.max(rules.upgrade_drain));
        self.guests.process_event(process, event, drain);
    }

    /// Stops guests that nobody needs, and tells workers what has become of the others.
    pub(in super::super) fn settle_guests(&mut self) {
        let mut workers = self.workers.values();
        // One that leaves by itself is replaced.
        let stays = |worker: &Worker| worker.leaving.is_none() && worker.ended.is_none();
        let serving = |worker: &Worker| worker.phase == Phase::Serving && stays(worker);
        let serves = self.workers.values().any(serving);
        // One that starts may still claim what one that has died had.
        let comes = workers.any(|worker| worker.phase == Phase::Starting) || self.planned.is_some();
        let ends = self.workers.is_empty() && (self.stopping.is_some() || self.failed.is_some());
        if ends || (serves && !comes) {
            self.guests.end_unclaimed();
        }
        for (claim, state) in self.guests.take_notices() {
            let (number, claim) = claim;
            let Some(worker) = self.workers.get_mut(&number) else {
                continue;
            };
            match state {
                GuestState::Said { line } => worker.send_line(claim, line),
                state => drop(worker.send(Command::Guest { claim, state })),
            }
        }
    }
}
