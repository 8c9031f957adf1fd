//! The events of a worker, read line by line.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::unix::OwnedReadHalf;

use super::Event;
use crate::process::ipc::{MAX_LINE, check_length};

/// How much is read at once.
const CHUNK: usize = 8 << 10;

/// The beginning of a line whose end has not come yet. In an upgrade the next supervisor reads on from there.
#[derive(Debug, Clone, Default)]
pub(super) struct Unfinished(Arc<Mutex<Vec<u8>>>);

impl Unfinished {
    /// A line that another reader has begun.
    pub(super) fn new(begun: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(begun)))
    }

    /// What there is of it.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first line, with its end.
    fn take_line(&self, searched: &mut usize) -> Option<Vec<u8>> {
        let mut bytes = self.lock();
        let new = bytes.get(*searched..).unwrap_or_default();
        let Some(end) = new.iter().position(|byte| *byte == b'\n') else {
            *searched = bytes.len();
            return None;
        };
        let rest = bytes.split_off(*searched + end + 1);
        *searched = 0;
        Some(std::mem::replace(&mut *bytes, rest))
    }
}

/// Reads the events of one worker.
pub(super) struct EventReader {
    reader: OwnedReadHalf,
    number: u32,
    unfinished: Unfinished,
    /// How much of it has no end of a line.
    searched: usize,
}

impl EventReader {
    /// Reads on where `unfinished` ends.
    pub(super) fn new(reader: OwnedReadHalf, number: u32, unfinished: Unfinished) -> Self {
        Self {
            reader,
            number,
            unfinished,
            searched: 0,
        }
    }

    /// The next event; none once the worker has closed its end.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(line) = self.unfinished.take_line(&mut self.searched) {
                return Some(event(self.number, &line));
            }
            if self.searched as u64 > MAX_LINE || !self.read().await {
                let rest = std::mem::take(&mut *self.unfinished.lock());
                self.searched = 0;
                return (!rest.is_empty()).then(|| event(self.number, &rest));
            }
        }
    }

    /// Reads what has come. False at the end.
    async fn read(&mut self) -> bool {
        let mut chunk = [0; CHUNK];
        loop {
            if self.reader.readable().await.is_err() {
                return false;
            }
            match self.reader.try_read(&mut chunk) {
                Ok(0) => return false,
                Ok(count) => {
                    let read = chunk.get(..count).unwrap_or_default();
                    self.unfinished.lock().extend_from_slice(read);
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
    }
}

fn event(number: u32, line: &[u8]) -> Event {
    if let Err(error) = check_length(line) {
        return Event::Garbled(number, error.to_string());
    }
    match serde_json::from_slice(line) {
        Ok(event) => Event::Worker(number, Box::new(event)),
        // A newer worker, during an upgrade, may send what this supervisor does not know.
        Err(error) if error.is_data() => Event::Unreadable(number, error.to_string()),
        Err(error) => Event::Garbled(number, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn reader(far: UnixStream, unfinished: Unfinished) -> EventReader {
        far.set_nonblocking(true).unwrap();
        let far = tokio::net::UnixStream::from_std(far).unwrap();
        EventReader::new(far.into_split().0, 1, unfinished)
    }

    #[tokio::test]
    async fn events_end_at_the_first_line_that_is_no_message() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let mut reader = reader(far, Unfinished::default());
        near.write_all(b"\"held\"\n{\"of-a-later-version\":1}\nhello from a plugin\n")
            .unwrap();
        let next = reader.next().await;
        assert!(matches!(next, Some(Event::Worker(1, _))), "{next:?}");
        let next = reader.next().await;
        assert!(matches!(next, Some(Event::Unreadable(1, _))), "{next:?}");
        let next = reader.next().await;
        assert!(matches!(next, Some(Event::Garbled(1, _))), "{next:?}");
        drop(near);
        assert!(reader.next().await.is_none());
    }

    #[tokio::test]
    async fn event_without_end_is_not_read_to_its_end() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let mut reader = reader(far, Unfinished::default());
        let endless = std::thread::spawn(move || while near.write_all(&[b'1'; 65536]).is_ok() {});
        let next = reader.next().await;
        assert!(matches!(next, Some(Event::Garbled(..))), "{next:?}");
        drop(reader);
        endless.join().unwrap();
    }

    #[tokio::test]
    async fn next_supervisor_reads_on_within_an_event() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let before = Unfinished::default();
        let mut first = reader(far.try_clone().unwrap(), before.clone());
        near.write_all(b"\"serving\"\n\"he").unwrap();
        let next = first.next().await;
        assert!(matches!(next, Some(Event::Worker(1, _))), "{next:?}");
        // Nothing more comes: the reader waits for the rest.
        let waits = tokio::time::timeout(std::time::Duration::from_millis(1), first.next());
        assert!(waits.await.is_err());
        drop(first);
        assert_eq!(before.to_vec(), b"\"he");
        let mut second = reader(far, Unfinished::new(before.to_vec()));
        near.write_all(b"ld\"\n").unwrap();
        let next = second.next().await;
        assert!(matches!(next, Some(Event::Worker(1, _))), "{next:?}");
    }
}
