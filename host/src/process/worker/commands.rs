//! What the supervisor wants, heard on a thread of its own.

use std::io;
use std::os::unix::net::UnixStream;
use std::thread;

use tokio::sync::mpsc;

use crate::process::ipc::{Command, read_lines};

/// Commands, in the order in which they came.
pub(super) struct Commands(mpsc::UnboundedReceiver<Command>);

impl Commands {
    /// Hears what is said on `line`.
    pub(super) fn read_from(line: UnixStream) -> io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let read = move || {
            let result = read_lines(line, |command| sender.send(command).is_ok());
            if let Err(error) = result {
                tracing::error!("the supervisor can't be understood: {error}");
            }
            // Nobody is there to be served for any more.
            let cause = "the supervisor is gone".to_owned();
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
            // The thread says so before it ends.
            None => std::future::pending().await,
        }
    }
}
