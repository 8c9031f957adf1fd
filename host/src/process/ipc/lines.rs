//! Lines of JSON over a socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Sends messages from any thread, even while the runtime is stuck. Blocks while the receiver is slow.
#[derive(Debug)]
pub struct Sender(Mutex<UnixStream>);

impl Sender {
    /// Sends on `stream`, which must be in blocking mode.
    pub fn new(stream: UnixStream) -> Self {
        Self(Mutex::new(stream))
    }

    /// Sends one message.
    ///
    /// # Errors
    ///
    /// The peer has closed its end.
    pub fn send(&self, message: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(&line)
    }
}

/// Passes each message to `each` until the peer closes its end or `each` returns false. Blocks.
///
/// # Errors
///
/// A line that does not parse.
pub fn read_lines<T: DeserializeOwned>(
    stream: impl io::Read,
    mut each: impl FnMut(T) -> bool,
) -> io::Result<()> {
    for line in BufReader::new(stream).lines() {
        // A peer that died may reset the connection.
        let Ok(line) = line else { return Ok(()) };
        if !each(serde_json::from_str(&line)?) {
            return Ok(());
        }
    }
    Ok(())
}
