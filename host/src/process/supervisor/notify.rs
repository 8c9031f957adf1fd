//! Notifications to the service manager (sd_notify(3)), if there is one.

use sd_notify::NotifyState;

use crate::serve::generation::{ReloadOutcome, ReloadRecord};

/// Notifies the service manager.
#[derive(Debug, Default)]
pub(super) struct Notify {
    ready: bool,
    reloading: bool,
}

impl Notify {
    /// The state after an upgrade: the previous supervisor was ready.
    pub(super) fn after_upgrade() -> Self {
        Self {
            ready: true,
            reloading: false,
        }
    }

    /// A worker serves.
    pub(super) fn ready(&mut self, pid: i32) {
        let status = format!("worker {pid} is serving");
        send(&[NotifyState::Ready, NotifyState::Status(&status)]);
        self.ready = true;
    }

    /// A reload was requested.
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

    /// stackup shuts down.
    pub(super) fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("cannot notify the service manager: {error}");
    }
}
