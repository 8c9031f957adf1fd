//! The supervisor's commands, read on a separate thread.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use super::handover::{self, Inheritance};
use crate::process::ipc::{Command, DescriptorReader, Event, Sender, read_lines};
use crate::services::{GuestHub, StoreHub};

/// Commands, in the order in which they came.
pub(super) struct Commands(mpsc::UnboundedReceiver<Command>);

impl Commands {
    /// Reads commands from `line` on a thread of its own, which also answers [`Command::Ping`]: the process is alive
    /// whatever the other threads do. The watchdog judges those. Commands about the store go their own way, for the same
    /// reason.
    pub(super) fn read_from(
        line: UnixStream,
        events: Arc<Sender>,
        store: StoreHub,
        guests: GuestHub,
    ) -> io::Result<(Self, Inheritance)> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (stores, inherited) = mpsc::unbounded_channel();
        let inheritance = Inheritance::new(store.clone(), inherited);
        let (line, descriptors) = DescriptorReader::new(line);
        let read = move || {
            let result = read_lines(line, |command| {
                match command {
                    Command::Ping => return events.send(&Event::Pong).is_ok(),
                    Command::SaveStore => {
                        handover::save(&store, descriptors.try_recv().ok(), &events);
                    }
                    // A worker that does not wait for it has the store already.
                    Command::LoadStore => drop(stores.send(descriptors.try_recv().ok())),
                    Command::BeginEmpty => drop(stores.send(None)),
                    // An `init` waits for it, on a thread of its own.
                    Command::Guest { claim, state } => guests.told(claim, state),
                    command => return sender.send(command).is_ok(),
                }
                true
            });
            if let Err(error) = result {
                tracing::error!("cannot parse the supervisor's message: {error}");
            }
            guests.disconnect();
            let cause = "the supervisor has exited".to_owned();
            let _ = sender.send(Command::Stop { cause });
        };
        thread::Builder::new()
            .name("commands".to_owned())
            .spawn(read)?;
        Ok((Self(receiver), inheritance))
    }

    pub(super) async fn next(&mut self) -> Command {
        match self.0.recv().await {
            Some(command) => command,
            // The thread's last message is `Stop`: nothing follows it.
            None => std::future::pending().await,
        }
    }
}
