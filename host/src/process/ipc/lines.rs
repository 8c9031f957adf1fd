//! Lines of JSON over a socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Says things from any thread, also while a runtime is stuck. Blocks while the other side is slow.
#[derive(Debug)]
pub struct Sender(Mutex<UnixStream>);

impl Sender {
    /// Speaks on `stream`, which blocks.
    pub fn new(stream: UnixStream) -> Self {
        Self(Mutex::new(stream))
    }

    /// Says one thing.
    ///
    /// # Errors
    ///
    /// When nobody listens any more.
    pub fn send(&self, message: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(&line)
    }
}

/// Hands each message to `each` until the other side is gone or `each` has had enough. Blocks.
///
/// # Errors
///
/// A line that is no message.
pub fn read_lines<T: DeserializeOwned>(
    stream: impl io::Read,
    mut each: impl FnMut(T) -> bool,
) -> io::Result<()> {
    for line in BufReader::new(stream).lines() {
        // A peer that died may reset the line.
        let Ok(line) = line else { return Ok(()) };
        if !each(serde_json::from_str(&line)?) {
            return Ok(());
        }
    }
    Ok(())
}
