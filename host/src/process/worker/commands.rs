//! What the supervisor wants, heard on a thread of its own.

use std::io;
use std::os::unix::net::UnixStream;
use std::thread;

use tokio::sync::mpsc;

use crate::process::ipc::{Order, read_lines};

/// Orders, in the order in which they came.
pub(super) struct Orders(mpsc::UnboundedReceiver<Order>);

impl Orders {
    /// Hears what is said on `line`.
    pub(super) fn hear(line: UnixStream) -> io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let hear = move || {
            let heard = read_lines(line, |order| sender.send(order).is_ok());
            if let Err(error) = heard {
                tracing::error!("the supervisor can't be understood: {error}");
            }
            // Nobody is there to be served for any more.
            let cause = "the supervisor is gone".to_owned();
            let _ = sender.send(Order::Stop { cause });
        };
        thread::Builder::new()
            .name("orders".to_owned())
            .spawn(hear)?;
        Ok(Self(receiver))
    }

    pub(super) async fn next(&mut self) -> Order {
        match self.0.recv().await {
            Some(order) => order,
            // The thread says so before it ends.
            None => std::future::pending().await,
        }
    }
}
