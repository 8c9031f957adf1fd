//! Captures the log lines of a plugin in a test.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::services;
use crate::abi::host::PluginLog;

thread_local! {
    static CURRENT: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Captures the lines logged from now on by this thread, and by tasks spawned from it with
/// [`Context::spawn`](crate::Context::spawn).
///
/// ```
/// use stackup_plugin::{testing, tracing};
///
/// let log = testing::log();
/// tracing::warn!(left = 3, "nearly out of tea");
/// assert_eq!(log.lines()[0].to_string(), "WARN nearly out of tea left=3");
/// ```
pub fn log() -> Log {
    services::install();
    let log = Log::default();
    CURRENT.with(|here| here.replace(Some(log.clone())));
    log
}

/// The captured lines; see [`log()`].
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Its level.
    pub level: tracing::Level,
    /// The running handler; empty outside of one.
    pub handler: String,
    /// Its target: the module, unless the plugin sets another.
    pub target: String,
    /// Its message.
    pub message: String,
    /// Its fields, then those of its spans, innermost first.
    pub fields: Vec<(String, String)>,
}

impl Log {
    /// The lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The messages so far.
    pub fn messages(&self) -> Vec<String> {
        self.lines().into_iter().map(|line| line.message).collect()
    }

    /// The log of this thread.
    pub(super) fn current() -> Option<Self> {
        CURRENT
            .try_with(|here| here.borrow().clone())
            .ok()
            .flatten()
    }

    /// Sets the log of this thread.
    pub(super) fn inherit(log: Option<Self>) {
        CURRENT.with(|here| here.replace(log));
    }

    pub(super) fn push(&self, line: Line) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
}

impl Line {
    pub(super) fn new(raw: &PluginLog<'_>) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            level: match raw.level {
                1 => tracing::Level::ERROR,
                2 => tracing::Level::WARN,
                3 => tracing::Level::INFO,
                4 => tracing::Level::DEBUG,
                _ => tracing::Level::TRACE,
            },
            handler: raw.handler.to_owned(),
            target: raw.target.to_owned(),
            message: raw.message.to_owned(),
            fields: raw.fields.iter().map(owned).collect(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.level, self.message)?;
        self.fields
            .iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
