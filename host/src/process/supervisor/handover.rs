//! The store goes from the serving worker to the one that is about to serve.
//!
//! The old worker writes its entries to a file in memory when the new one is ready, so that what it stores after that, and
//! loses, is as little as can be. The new one waits for the file, but never for long: without it, it begins with an empty
//! store.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::Supervisor;
use super::process_state::ProcessState;
use super::worker::{Phase, Worker};
use crate::process::ipc::{Command, memory_file};

/// How long the old worker may take to write its entries.
const SAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A store that is being written.
#[derive(Debug)]
pub(super) struct StoreHandover {
    from: u32,
    to: u32,
    file: OwnedFd,
    pub(super) deadline: Instant,
}

impl Supervisor {
    /// Worker `to` is ready to serve: has the serving worker write its store.
    pub(super) fn hand_over_store(&mut self, to: u32) {
        match self.save_store(to) {
            Ok(handover) => self.handover = Some(handover),
            Err(why) => self.begin_empty(to, &why),
        }
    }

    fn save_store(&self, to: u32) -> Result<StoreHandover, String> {
        let mut workers = self.workers.values();
        let old = workers.find(|worker| worker.phase == Phase::Serving && worker.ended.is_none());
        let old = old.ok_or("the old worker is gone")?;
        if !old.handover {
            return Err("the old worker is of a version that does not hand it over".to_owned());
        }
        if ProcessState::of(old.pid).stopped {
            return Err("a signal has stopped the old worker".to_owned());
        }
        let failed = |error| format!("no file for it: {error}");
        let file = OwnedFd::from(memory_file().map_err(failed)?);
        let sent = file.try_clone().map_err(failed)?;
        if !old.send_with(Command::SaveStore, sent) {
            return Err("the old worker reads no commands".to_owned());
        }
        Ok(StoreHandover {
            from: old.number,
            to,
            file,
            deadline: Instant::now() + SAVE_TIMEOUT,
        })
    }

    /// Worker `from` has written its store, or why it has not.
    pub(super) fn store_saved(&mut self, from: u32, error: Option<String>) {
        // It may come too late.
        let Some(handover) = self.handover.take_if(|handover| handover.from == from) else {
            return;
        };
        let to = handover.to;
        if let Some(error) = error {
            self.begin_empty(to, &format!("the old worker could not write it: {error}"));
        } else if let Some(worker) = self.workers.get(&to)
            && !worker.send_with(Command::LoadStore, handover.file)
        {
            tracing::error!("worker {to} reads no commands");
        }
    }

    /// A worker has exited.
    pub(super) fn handover_lost(&mut self, number: u32) {
        self.handover.take_if(|handover| handover.to == number);
        let lost = self.handover.take_if(|handover| handover.from == number);
        if let Some(handover) = lost {
            self.begin_empty(handover.to, "the old worker has died");
        }
    }

    pub(super) fn check_handover_deadline(&mut self, now: Instant) {
        let late = self.handover.take_if(|handover| handover.deadline <= now);
        if let Some(handover) = late {
            let state = self.workers.get(&handover.from);
            let state = state
                .map(|old| ProcessState::of(old.pid))
                .unwrap_or_default();
            let why = format!("the old worker did not write it within {SAVE_TIMEOUT:?}{state}");
            self.begin_empty(handover.to, &why);
        }
    }

    fn begin_empty(&self, number: u32, why: &str) {
        let starts = |worker: &&Worker| worker.phase == Phase::Starting;
        let Some(worker) = self.workers.get(&number).filter(starts) else {
            return;
        };
        tracing::warn!(
            event = "store-lost",
            worker = number,
            error = why,
            "worker {number} begins with an empty store: {why}"
        );
        if !worker.send(Command::BeginEmpty) {
            tracing::error!("worker {number} reads no commands");
        }
    }
}
