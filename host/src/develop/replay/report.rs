//! What a replay has found, for the log and the inspector.

use std::fmt;

use serde::Serialize;

use super::body_change::BodyChange;
use super::compare::Difference;
use super::request::ReplayRequest;

/// How many requests a line of the log names.
const NAMED: usize = 3;

/// What the replay before one swap has found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The generation with the new code.
    pub generation: u64,
    /// The generation with the old code.
    pub before: u64,
    /// How many requests both have answered.
    pub compared: usize,
    /// How many were not, for lack of time.
    pub left_out: usize,
    /// The requests whose answers differ, in the order of the play.
    pub differing: Vec<Differing>,
}

/// A request whose answers differ.
#[derive(Debug, Clone, Serialize)]
pub struct Differing {
    /// The number of its newest trace.
    pub number: u64,
    /// `GET`, ….
    pub method: String,
    /// Path and query, without secrets.
    pub target: String,
    /// What differs.
    #[serde(flatten)]
    pub difference: Difference,
}

impl Differing {
    pub(super) fn new(request: &ReplayRequest, difference: Difference) -> Self {
        Self {
            number: request.number,
            method: request.method.to_string(),
            target: request.target(),
            difference,
        }
    }

    /// The unified diff of its bodies, if they are text and differ.
    pub fn diff(&self) -> Option<&str> {
        match self.difference.body.as_ref()? {
            BodyChange::Lines { diff, .. } => Some(diff),
            BodyChange::Bytes { .. } | BodyChange::End { .. } => None,
        }
    }
}

impl Report {
    /// Of a replay that has not begun.
    pub(super) fn new(before: u64, generation: u64, requests: usize) -> Self {
        Self {
            generation,
            before,
            compared: 0,
            left_out: requests,
            differing: Vec::new(),
        }
    }

    /// Both have answered a request; this differs, if anything does.
    pub(super) fn add(&mut self, differing: Option<Differing>) {
        self.compared += 1;
        self.left_out -= 1;
        self.differing.extend(differing);
    }

    /// Writes it to the log: one line, or with `verbose` one more for each request.
    pub(super) fn log(&self) {
        let Self {
            generation,
            compared,
            left_out,
            ..
        } = self;
        let all: Vec<String> = self.differing.iter().map(ToString::to_string).collect();
        if all.is_empty() {
            tracing::debug!(
                event = "replay",
                generation,
                compared,
                left_out,
                differ = 0,
                "{self}"
            );
            return;
        }
        let (differ, differences) = (all.len(), all.join("\n"));
        let text = self.text(&all, tracing::enabled!(tracing::Level::DEBUG));
        tracing::info!(
            event = "replay",
            generation,
            compared,
            left_out,
            differ,
            differences,
            "{text}"
        );
    }

    fn text(&self, all: &[String], verbose: bool) -> String {
        if verbose {
            return format!("{self}\n  {}", all.join("\n  "));
        }
        let named = all.iter().take(NAMED).cloned().collect::<Vec<_>>();
        match all.len().checked_sub(NAMED) {
            None | Some(0) => format!("{self}: {}", named.join(", ")),
            Some(more) => format!("{self}: {} and {more} more", named.join(", ")),
        }
    }
}

/// The line without the requests.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (differ, compared) = (self.differing.len(), self.compared);
        match (differ, compared) {
            (0, 1) => f.write_str("1 answer is the same as before")?,
            (0, _) => write!(f, "{compared} answers are the same as before")?,
            (1, _) => write!(f, "1 of {compared} answers differs")?,
            _ => write!(f, "{differ} of {compared} answers differ")?,
        }
        match self.left_out {
            0 => Ok(()),
            left_out => write!(f, " ({left_out} not compared, for lack of time)"),
        }
    }
}

/// `GET / header x-a + and body −1 +1 line`.
impl fmt::Display for Differing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            outcome,
            headers,
            body,
        } = &self.difference;
        write!(f, "{} {}", self.method, self.target)?;
        if let Some((before, after)) = outcome {
            return write!(f, " {before} → {after}");
        }
        let fields = headers.iter();
        let fields = fields.map(|change| format!("{} {}", change.name, change.mark.sign()));
        let fields: Vec<_> = fields.collect();
        match &fields[..] {
            [] => {}
            [field] => write!(f, " header {field}")?,
            fields => write!(f, " headers {}", fields.join(" "))?,
        }
        let Some(body) = body else { return Ok(()) };
        if !fields.is_empty() {
            f.write_str(" and")?;
        }
        write!(f, " body {body}")
    }
}

/// `−1 +1 line`.
impl fmt::Display for BodyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines { removed, added, .. } => {
                let parts = [('−', *removed), ('+', *added)];
                let parts = parts.into_iter().filter(|(_, count)| *count > 0);
                let parts: Vec<_> = parts
                    .map(|(sign, count)| format!("{sign}{count}"))
                    .collect();
                let lines = if *removed.max(added) == 1 {
                    "line"
                } else {
                    "lines"
                };
                write!(f, "{} {lines}", parts.join(" "))
            }
            Self::Bytes { before, after } if before == after => {
                write!(f, "of {after} bytes")
            }
            Self::Bytes { before, after } => write!(f, "{before} → {after} bytes"),
            Self::End { how } => f.write_str(how),
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
