//! What was found so far: each kind of offence once for each handler.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::{Kind, Offence};
use serde::Serialize;

use super::layer::Culprit;

/// An offence that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Whose it is, as the manifest names it.
    pub handler: String,
    /// The rule's number in SPEC.md.
    pub rule: &'static str,
    /// What was seen last, and how to mend it.
    pub message: String,
    /// The number of the request that showed it last.
    pub request: u64,
    /// How often it was seen.
    pub count: u64,
    #[serde(skip)]
    kind: Kind,
    /// The fingerprint of the code that did it.
    #[serde(skip)]
    code: String,
}

/// All offences of a process.
pub struct Ledger {
    told: Mutex<Vec<Told>>,
    ear: Box<dyn Fn(&Told) + Send + Sync>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    /// An empty one. `ear` hears of each offence, also when it is seen again.
    pub fn new(ear: impl Fn(&Told) + Send + Sync + 'static) -> Self {
        Self {
            told: Mutex::default(),
            ear: Box::new(ear),
        }
    }

    /// What was found, in order.
    pub fn all(&self) -> Vec<Told> {
        self.told().clone()
    }

    /// Takes an offence in; the log has it the first time, and again after the handler's code has changed.
    pub(super) fn found(&self, culprit: &Culprit, offence: &Offence, request: u64, target: &str) {
        let (told, first) = note(&mut self.told(), culprit, offence, request);
        // The watchdog tells of those in any environment.
        let told_before = matches!(offence.kind, Kind::Blocks | Kind::BodyBlocks);
        if first && !told_before {
            let Told { handler, rule, .. } = &told;
            tracing::warn!(
                event = "lint",
                handler,
                rule,
                request,
                "{offence} (SPEC.md; seen with {target}, request {request})"
            );
        }
        (self.ear)(&told);
    }

    fn told(&self) -> MutexGuard<'_, Vec<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes an offence; returns the note, and whether it is the first of its kind.
fn note(all: &mut Vec<Told>, culprit: &Culprit, offence: &Offence, request: u64) -> (Told, bool) {
    let is_same = |told: &&mut Told| told.handler == culprit.handler && told.kind == offence.kind;
    let message = offence.to_string();
    let Some(told) = all.iter_mut().find(is_same) else {
        let told = Told {
            handler: culprit.handler.clone(),
            rule: offence.kind.rule(),
            message,
            request,
            count: 1,
            kind: offence.kind,
            code: culprit.code.clone(),
        };
        all.push(told.clone());
        return (told, true);
    };
    let changed = told.code != culprit.code;
    if changed {
        told.code.clone_from(&culprit.code);
        told.count = 0;
    }
    told.count += 1;
    (told.message, told.request) = (message, request);
    (told.clone(), changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offence_is_told_once_for_each_kind_handler_and_code() {
        let mut all = Vec::new();
        let mut first = |handler, code, kind, request| {
            let culprit = Culprit::new(handler, code);
            note(&mut all, &culprit, &Offence::new(kind, "so"), request).1
        };
        assert!(first("a", "1", Kind::Body, 1));
        assert!(!first("a", "1", Kind::Body, 2));
        assert!(first("a", "1", Kind::Length, 3), "another kind");
        assert!(first("b", "1", Kind::Body, 4), "another handler");
        assert!(first("a", "2", Kind::Body, 5), "other code");
        assert!(!first("a", "2", Kind::Body, 6));
        let told = all
            .iter()
            .map(|told| (&*told.handler, told.rule, told.request, told.count));
        let expected = [("a", "K12", 6, 2), ("a", "K9", 3, 1), ("b", "K12", 4, 1)];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
