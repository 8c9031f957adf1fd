//! What a service manager is told (sd_notify(3)); nothing where there is none.

use sd_notify::NotifyState;

use crate::serve::generation::{ReloadOutcome, ReloadRecord};

/// Tells the service manager.
#[derive(Debug, Default)]
pub(super) struct Notify {
    ready: bool,
    reloading: bool,
}

impl Notify {
    /// Of a supervisor that goes on where another, which was ready, has stopped.
    pub(super) fn after_upgrade() -> Self {
        Self {
            ready: true,
            reloading: false,
        }
    }

    /// A worker serves.
    pub(super) fn ready(&mut self, pid: i32) {
        let status = format!("worker {pid} serves");
        send(&[NotifyState::Ready, NotifyState::Status(&status)]);
        self.ready = true;
    }

    /// A reload was asked for.
    pub(super) fn reloading(&mut self) {
        if self.ready {
            self.reloading = true;
            let mut states = vec![NotifyState::Reloading];
            states.extend(NotifyState::monotonic_usec_now().ok());
            send(&states);
        }
    }

    /// A reload has ended.
    pub(super) fn reloaded(&mut self, record: &ReloadRecord) {
        if !std::mem::take(&mut self.reloading) {
            return;
        }
        let outcome = match record.outcome {
            ReloadOutcome::Swapped => "swapped",
            ReloadOutcome::Unchanged => "unchanged",
            ReloadOutcome::Refused => "refused",
        };
        let status = format!("reload {}: {outcome}", record.number);
        send(&[NotifyState::Ready, NotifyState::Status(&status)]);
    }

    /// Everything ends.
    pub(super) fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager can't be told: {error}");
    }
}
