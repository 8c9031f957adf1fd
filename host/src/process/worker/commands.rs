//! The supervisor's commands, read on a separate thread.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use crate::process::ipc::{Command, Event, Sender, read_lines};

/// Commands, in the order in which they came.
pub(super) struct Commands(mpsc::UnboundedReceiver<Command>);

impl Commands {
    /// Reads commands from `line` on a thread of its own, which also answers [`Command::Ping`]: the process is alive
    /// whatever the other threads do. The watchdog judges those.
    pub(super) fn read_from(line: UnixStream, events: Arc<Sender>) -> io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let read = move || {
            let result = read_lines(line, |command| match command {
                Command::Ping => events.send(&Event::Pong).is_ok(),
                command => sender.send(command).is_ok(),
            });
            if let Err(error) = result {
                tracing::error!("cannot parse the supervisor's message: {error}");
            }
            let cause = "the supervisor has exited".to_owned();
            let _ = sender.send(Command::Stop { cause });
        };
        thread::Builder::new()
            .name("commands".to_owned())
            .spawn(read)?;
        Ok(Self(receiver))
    }

    pub(super) async fn next(&mut self) -> Command {
        match self.0.recv().await {
            Some(command) => command,
            // The thread's last message is `Stop`: nothing follows it.
            None => std::future::pending().await,
        }
    }
}
