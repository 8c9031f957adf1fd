//! After a worker's crash: which stack to start next, and which library to blame.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::crash::{ActiveStack, Crash, Culprit};
use super::{Backoff, Quarantine, QuarantineRule};

mod crash;
#[cfg(test)]
mod tests;

/// The stack that a worker is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StackSource {
    /// The last stack that passed its probation.
    KnownGood,
    /// The stack that was active.
    Active,
    /// The stack of the manifest on disk.
    Disk,
    /// The stack that served as this generation.
    Saved(u64),
}

/// What to do after a crash. Displays as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPlan {
    /// What happened and which handler did it, for display.
    pub cause: String,
    /// The stack to start next.
    pub start: StackSource,
    /// The newest stack is rejected: it is not tried again until it changes.
    pub rolled_back: bool,
    /// The library that this crash quarantines.
    pub quarantined: Option<String>,
    /// The fingerprints of all quarantined libraries, sorted. A directive of the next stack with one of them
    /// gets its `on_failure` instead.
    pub out_of_service: Vec<String>,
    /// How long to wait before the start.
    pub delay: Duration,
}

/// What a crash is blamed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// Nothing: the process was killed from outside.
    Nothing,
    /// The stack that the worker was started with, which never served.
    Starting,
    /// Code that only a draining generation has.
    Draining,
    /// A stack that was being built while another was active.
    Candidate,
    /// The active stack.
    Active,
}

/// Decides what to do after a crash at `now`, and records the crash.
pub fn plan_restart(
    crash: &Crash,
    now: u64,
    rule: &QuarantineRule,
    quarantine: &mut Quarantine,
    backoff: &mut Backoff,
) -> RestartPlan {
    let blame = blame(crash);
    let (start, rolled_back) = next(crash, blame);
    let quarantined = crash
        .culprit
        .as_ref()
        .filter(|culprit| quarantine.record_crash(&culprit.fingerprint, now, rule));
    RestartPlan {
        cause: crash.to_string(),
        start,
        rolled_back,
        quarantined: quarantined.map(|culprit| culprit.fingerprint.clone()),
        out_of_service: quarantine
            .entries()
            .map(|(fingerprint, _)| fingerprint.to_owned())
            .collect(),
        // A process that is killed each time it starts must not be restarted in a tight loop either.
        delay: backoff.next_delay(crash.served),
    }
}

fn blame(crash: &Crash) -> Blame {
    if crash.is_from_outside() {
        return Blame::Nothing;
    }
    let Some(active) = &crash.active else {
        return Blame::Starting;
    };
    match &crash.culprit {
        Some(culprit) if culprit.generation > active.generation => Blame::Candidate,
        Some(culprit)
            if culprit.generation < active.generation
                && !active.fingerprints.contains(&culprit.fingerprint) =>
        {
            Blame::Draining
        }
        _ => Blame::Active,
    }
}

/// The stack to start, and whether the newest stack is rejected.
fn next(crash: &Crash, blame: Blame) -> (StackSource, bool) {
    let served = match crash.active {
        Some(_) => StackSource::Active,
        None => crash.origin,
    };
    let on_probation = crash
        .active
        .as_ref()
        .is_some_and(|active| active.on_probation);
    match blame {
        Blame::Nothing | Blame::Draining => (served, false),
        Blame::Candidate => (served, true),
        Blame::Active if on_probation && crash.known_good => (StackSource::KnownGood, true),
        Blame::Starting if crash.known_good && crash.origin != StackSource::KnownGood => {
            (StackSource::KnownGood, true)
        }
        Blame::Active | Blame::Starting => (served, false),
    }
}

impl fmt::Display for RestartPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.start, self.rolled_back) {
            (StackSource::KnownGood, true) => {
                "rolled back to the last known good stack, which starts"
            }
            (StackSource::KnownGood, false) => "the last known good stack starts again",
            (StackSource::Active, true) => {
                "the new stack is not tried again until it changes; the active one starts again"
            }
            (StackSource::Active, false) => "the active stack starts again",
            (StackSource::Disk, _) => "the stack on disk is tried again",
            (StackSource::Saved(_), _) => "the stack that was chosen is tried again",
        };
        write!(f, "{}; {what}", self.cause)?;
        match self.delay {
            Duration::ZERO => f.write_str(" at once")?,
            delay => write!(f, " in {delay:?}")?,
        }
        if let Some(fingerprint) = &self.quarantined {
            let short = fingerprint.get(..12).unwrap_or(fingerprint);
            write!(
                f,
                "; its library {short} is quarantined because it crashes too often"
            )?;
        }
        Ok(())
    }
}
