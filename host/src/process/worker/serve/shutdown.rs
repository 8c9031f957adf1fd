//! The end of a worker.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Worker, send};
use crate::process::ipc::{Command, Event};
use crate::process::worker::commands::Commands;
use crate::serve::reload_loop::ReloadLoop;
use crate::serve::server::Phase;

/// How long handlers may take to shut down after the last request.
const LAST_DRAIN: Duration = Duration::from_secs(2);

impl Worker {
    /// Shuts down without a command from the supervisor.
    pub(super) fn exit_by_itself(&mut self, cause: &str) {
        let event = Event::Leaving {
            cause: cause.to_owned(),
        };
        send(&self.events, &event);
        self.begin_shutdown(Phase::Retiring, cause);
    }

    pub(super) fn begin_shutdown(&mut self, phase: Phase, cause: &str) {
        cause.clone_into(&mut self.cause);
        self.phase.enter(phase);
    }

    /// Waits for the last requests, then for the handlers.
    pub(super) async fn shut_down(
        self,
        mut serving: JoinHandle<()>,
        mut closed: oneshot::Receiver<()>,
        reloads: ReloadLoop,
        commands: &mut Commands,
    ) {
        let cause = &self.cause;
        reloads.reloader.begin_end();
        loop {
            tokio::select! {
                biased;
                // From here on no connection is accepted: a reader of the log may rely on it.
                _ = &mut closed, if !closed.is_terminated() => {
                    tracing::info!(event = "stopping", "{cause}: finishing the last requests");
                }
                _ = &mut serving => break,
                command = commands.next() => match command {
                    Command::Status { query } => {
                        let status = self.monitor.status();
                        send(&self.events, &Event::Status { query, status });
                    }
                    Command::Data { query, command } => self.run_data_command(query, command),
                    Command::Stop { .. } => self.phase.enter(Phase::Stopping),
                    Command::Quit => {
                        tracing::warn!("quitting without waiting for requests");
                        break;
                    }
                    Command::Reload { .. }
                    | Command::Hold
                    | Command::Resume
                    | Command::Retire
                    | Command::Ping
                    | Command::SaveStore
                    | Command::LoadStore
                    | Command::BeginEmpty
                    | Command::Guest { .. } => {}
                },
            }
        }
        // The monitor holds the active generation, which has to end now.
        drop(self.monitor);
        reloads.reloader.retire(LAST_DRAIN).await;
        tracing::info!(event = "stopped", "stopped");
    }
}
