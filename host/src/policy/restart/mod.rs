//! A worker has crashed: what is started next, and what is held against whom.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::crash::{ActiveStack, Crash, Culprit};
use super::{Backoff, Quarantine, QuarantineRule};

mod crash;
#[cfg(test)]
mod tests;

/// Which stack a worker is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StackSource {
    /// The last that has passed its probation.
    KnownGood,
    /// The one that was active.
    Active,
    /// What the manifest on the disk says now.
    Disk,
}

/// What follows from a crash. Displayed it is one line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPlan {
    /// What happened and who did it, for people.
    pub cause: String,
    /// The stack to start next.
    pub start: StackSource,
    /// The newest stack is left behind: it is not to be tried again until something of it changes.
    pub rolled_back: bool,
    /// The library that this crash has put into quarantine.
    pub quarantined: Option<String>,
    /// The fingerprints of all libraries in quarantine, sorted: where the stack that starts has one
    /// of them, the `on_failure` of its directive holds in its place.
    pub out_of_service: Vec<String>,
    /// How long to wait before the start.
    pub delay: Duration,
}

/// Whom a crash speaks against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// Nobody: the process was ended from outside.
    Nobody,
    /// The stack that the worker was started with, and that never came to serve.
    Beginning,
    /// Code that only a generation has which is on its way out.
    Draining,
    /// A stack that was being built beside the active one.
    Candidate,
    /// The active stack.
    Active,
}

/// Judges a crash at `now`, and remembers it.
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
        .who
        .as_ref()
        .filter(|who| quarantine.record_crash(&who.fingerprint, now, rule));
    RestartPlan {
        cause: crash.to_string(),
        start,
        rolled_back,
        quarantined: quarantined.map(|who| who.fingerprint.clone()),
        out_of_service: quarantine
            .entries()
            .map(|(fingerprint, _)| fingerprint.to_owned())
            .collect(),
        // A process that is killed as often as it starts must not spin either.
        delay: backoff.next_delay(now),
    }
}

fn blame(crash: &Crash) -> Blame {
    if crash.is_from_outside() {
        return Blame::Nobody;
    }
    let Some(active) = &crash.active else {
        return Blame::Beginning;
    };
    match &crash.who {
        Some(who) if who.generation > active.generation => Blame::Candidate,
        Some(who)
            if who.generation < active.generation
                && !active.fingerprints.contains(&who.fingerprint) =>
        {
            Blame::Draining
        }
        _ => Blame::Active,
    }
}

/// What to start, and whether the newest stack is left behind for it.
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
        Blame::Nobody | Blame::Draining => (served, false),
        Blame::Candidate => (served, true),
        Blame::Active if on_probation && crash.known_good => (StackSource::KnownGood, true),
        Blame::Beginning if crash.known_good && crash.origin != StackSource::KnownGood => {
            (StackSource::KnownGood, true)
        }
        Blame::Active | Blame::Beginning => (served, false),
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
                "the new stack is left alone until it changes, the active one starts again"
            }
            (StackSource::Active, false) => "the active stack starts again",
            (StackSource::Disk, _) => "the stack on the disk is tried again",
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
                "; its library {short} is quarantined, for it crashes too often"
            )?;
        }
        Ok(())
    }
}
