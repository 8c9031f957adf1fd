//! The log of a running host, record by record.

use std::fmt;
use std::io::BufRead;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use crate::deadline::DEADLINE;

/// The log of a host so far.
#[derive(Debug)]
pub struct Log {
    lines: Mutex<Vec<Line>>,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    lines: usize,
    ended: bool,
}

#[derive(Debug)]
struct Line {
    text: String,
    record: Record,
    /// A test has taken it.
    taken: bool,
}

/// One line of the log.
#[derive(Debug, Clone, Default)]
pub struct Record(Value);

impl Record {
    /// The name of its lifecycle event, or empty.
    pub fn event(&self) -> &str {
        self.text("event")
    }

    /// Its message.
    pub fn message(&self) -> &str {
        self.text("message")
    }

    /// The line itself in the log format of a terminal; empty for a JSON record.
    pub fn line(&self) -> &str {
        self.0.as_str().unwrap_or_default()
    }

    /// A text value, or empty.
    pub fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    /// An integer value.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.0[key].as_u64()
    }

    /// A number value.
    pub fn float(&self, key: &str) -> Option<f64> {
        self.0[key].as_f64()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            lines: Mutex::default(),
            state: watch::Sender::default(),
        }
    }

    /// Reads until every process that holds the host's stderr has exited. Blocks.
    pub(crate) fn fill(&self, reader: impl BufRead) {
        for text in reader.lines().map_while(Result::ok) {
            let record = serde_json::from_str(&text);
            let record = Record(record.unwrap_or_else(|_| text.clone().into()));
            let line = Line {
                text,
                record,
                taken: false,
            };
            self.lines().push(line);
            self.state.send_modify(|state| state.lines += 1);
        }
        self.state.send_modify(|state| state.ended = true);
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first record that matches `wanted` and was not taken before. Waits for it.
    ///
    /// # Panics
    ///
    /// If there is none within [`DEADLINE`], or the log ends. Prints the log.
    pub async fn take(&self, what: &str, wanted: impl Fn(&Record) -> bool) -> Record {
        let mut state = self.state.subscribe();
        let waited = tokio::time::timeout(DEADLINE, async {
            loop {
                let ended = state.borrow_and_update().ended;
                if let Some(record) = self.try_take(&wanted) {
                    return Some(record);
                }
                if ended || state.changed().await.is_err() {
                    return None;
                }
            }
        });
        match waited.await {
            Ok(Some(record)) => record,
            Ok(None) => panic!("no {what}, and the host has exited; its log:\n{self}"),
            Err(_) => panic!("no {what} within {DEADLINE:?}; the log:\n{self}"),
        }
    }

    /// As [`take`](Self::take), but does not wait.
    pub fn try_take(&self, wanted: impl Fn(&Record) -> bool) -> Option<Record> {
        let mut lines = self.lines();
        let mut left = lines.iter_mut().filter(|line| !line.taken);
        let line = left.find(|line| wanted(&line.record))?;
        line.taken = true;
        Some(line.record.clone())
    }

    pub(crate) async fn ended(&self) {
        let mut state = self.state.subscribe();
        // The sender lives as long as we do.
        let _ = state.wait_for(|state| state.ended).await;
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines().iter() {
            writeln!(f, "{}", line.text)?;
        }
        Ok(())
    }
}
