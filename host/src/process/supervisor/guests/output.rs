//! What a guest writes to stdout and stderr: lines of the log, under its name.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use log_text::printable;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::Semaphore;

use super::super::Event;
use super::{Launcher, ProcessEvent};
use crate::services::write_guest_line;

/// How many lines are kept for the report of a failure.
const KEPT: usize = 20;

/// The longest line, in bytes; what is longer becomes several.
const LONGEST: u64 = 8 << 10;

/// How many lines of an output the supervisor may have before it; the others wait in the pipe.
const AHEAD: usize = 16;

/// The last lines of a process.
#[derive(Debug, Clone, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
}

/// As an indented block; empty if there are none.
impl fmt::Display for LastLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !lines.is_empty() {
            f.write_str("\n\nits last lines:")?;
        }
        lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// Logs each line that comes from `pipe`.
pub(super) fn forward(
    process: u32,
    name: &str,
    pipe: OwnedFd,
    last: &LastLines,
    launcher: &Launcher,
) -> io::Result<()> {
    let (name, last, events) = (name.to_owned(), last.clone(), launcher.events.clone());
    let tells_lines = Arc::clone(&launcher.tells_lines);
    let ahead = Arc::new(Semaphore::new(AHEAD));
    let mut reader = BufReader::new(Receiver::from_owned_fd(pipe)?);
    tokio::spawn(async move {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut reader)
                .take(LONGEST)
                .read_until(b'\n', &mut line)
                .await;
            if !matches!(read, Ok(1..)) {
                break;
            }
            let text = String::from_utf8_lossy(line.trim_ascii_end());
            let text = printable(&text);
            if !text.is_empty() {
                last.push(&text);
                write_guest_line(&name, &text);
                if tells_lines.load(Ordering::Relaxed) {
                    let said = ProcessEvent::Said {
                        line: text.into_owned(),
                        _room: Arc::clone(&ahead).acquire_owned().await.ok(),
                    };
                    let _ = events.send(Event::Guest(process, said));
                }
            }
        }
        // Without a receiver the supervisor shuts down.
        let _ = events.send(Event::Guest(process, ProcessEvent::OutputClosed));
    });
    Ok(())
}
