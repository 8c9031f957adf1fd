//! Lines of JSON over a socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest line, in bytes. A snapshot has the text of a manifest; a status has all waiting requests.
pub const MAX_LINE: u64 = 16 << 20;

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
/// A line that does not parse, or is longer than [`MAX_LINE`]; no later one is read.
pub fn read_lines<T: DeserializeOwned>(
    stream: impl Read,
    mut each: impl FnMut(T) -> bool,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let read = (&mut reader)
            .take(MAX_LINE + 1)
            .read_until(b'\n', &mut line);
        // A peer that died may reset the connection.
        if !matches!(read, Ok(1..)) {
            return Ok(());
        }
        check_length(&line)?;
        if !each(serde_json::from_slice(&line)?) {
            return Ok(());
        }
    }
}

/// Checks that a line, read up to one byte more than it may have, is no longer than that.
///
/// # Errors
///
/// It is.
pub fn check_length(line: &[u8]) -> io::Result<()> {
    match line.len() as u64 > MAX_LINE {
        true => Err(io::Error::other(format!(
            "a line is longer than {} MiB",
            MAX_LINE >> 20
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<u32>, Option<String>) {
        let mut got = Vec::new();
        let result = read_lines(bytes, |number| {
            got.push(number);
            true
        });
        (got, result.err().map(|error| error.to_string()))
    }

    #[test]
    fn reading_ends_at_the_first_bad_line() {
        assert_eq!(read(b"1\n2\n"), (vec![1, 2], None));
        for bad in [
            &b"1\nx\n2\n"[..],
            b"1\n\n2\n",
            b"1\n\xff\n2\n",
            b"1\n-3\n2\n",
        ] {
            let (got, error) = read(bad);
            assert_eq!(got, [1]);
            assert!(error.is_some());
        }
    }

    #[test]
    fn line_without_end_is_not_read_to_its_end() {
        let endless = io::repeat(b'1');
        let error = read_lines(endless, |_: u32| true).unwrap_err().to_string();
        assert_eq!(error, "a line is longer than 16 MiB");
    }
}
