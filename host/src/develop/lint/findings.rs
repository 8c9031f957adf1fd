//! The findings so far: one for each kind of violation, subject and handler.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::{Kind, Violation};
use serde::Serialize;

use super::layer::HandlerId;
use super::values::Shapes;

/// A violation that lint has reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The handler, as the manifest names it.
    pub handler: String,
    /// The rule's number in SPEC.md.
    pub rule: &'static str,
    /// The last occurrence, and how to fix it.
    pub message: String,
    /// The number of the last request with it.
    pub request: u64,
    /// How often it occurred.
    pub count: u64,
    #[serde(skip)]
    kind: Kind,
    #[serde(skip)]
    subject: String,
    /// The library's fingerprint.
    #[serde(skip)]
    fingerprint: String,
}

/// All findings of a process.
pub struct Findings {
    all: Mutex<Vec<Finding>>,
    pub(super) shapes: Shapes,
    on_finding: Box<dyn Fn(&Finding) + Send + Sync>,
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Findings").finish_non_exhaustive()
    }
}

impl Findings {
    /// No findings yet. `on_finding` is called for each violation, repeated ones included.
    pub fn new(on_finding: impl Fn(&Finding) + Send + Sync + 'static) -> Self {
        Self {
            all: Mutex::default(),
            shapes: Shapes::default(),
            on_finding: Box::new(on_finding),
        }
    }

    /// The findings, in order.
    pub fn all(&self) -> Vec<Finding> {
        self.lock().clone()
    }

    /// Adds a violation. Logs the first of its kind, and the first after the handler's code has changed.
    pub(super) fn add(&self, handler: &HandlerId, offence: &Violation, request: u64, target: &str) {
        let (finding, first) = note(&mut self.lock(), handler, offence, request);
        // The watchdog logs these in any environment.
        let by_watchdog = matches!(offence.kind, Kind::BlockingCall | Kind::BlockingBody);
        if first && !by_watchdog {
            let Finding { handler, rule, .. } = &finding;
            tracing::warn!(
                event = "lint",
                handler,
                rule,
                request,
                "{offence} (SPEC.md; seen with {target}, request {request})"
            );
        }
        (self.on_finding)(&finding);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Finding>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes a violation; returns its finding, and whether it is the first of its kind.
fn note(
    all: &mut Vec<Finding>,
    handler: &HandlerId,
    offence: &Violation,
    request: u64,
) -> (Finding, bool) {
    let is_same = |finding: &&mut Finding| {
        finding.handler == handler.handler
            && finding.kind == offence.kind
            && finding.subject == offence.subject
    };
    let message = offence.to_string();
    let Some(finding) = all.iter_mut().find(is_same) else {
        let finding = Finding {
            handler: handler.handler.clone(),
            rule: offence.kind.rule(),
            message,
            request,
            count: 1,
            kind: offence.kind,
            subject: offence.subject.clone(),
            fingerprint: handler.fingerprint.clone(),
        };
        all.push(finding.clone());
        return (finding, true);
    };
    let changed = finding.fingerprint != handler.fingerprint;
    if changed {
        finding.fingerprint.clone_from(&handler.fingerprint);
        finding.count = 0;
    }
    finding.count += 1;
    (finding.message, finding.request) = (message, request);
    (finding.clone(), changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_violation_of_same_code_is_not_first() {
        let mut all = Vec::new();
        let mut first = |handler, code, kind, request| {
            let handler = HandlerId::new(handler, code);
            note(&mut all, &handler, &Violation::new(kind, "so"), request).1
        };
        assert!(first("a", "1", Kind::UnexpectedBody, 1));
        assert!(!first("a", "1", Kind::UnexpectedBody, 2));
        assert!(first("a", "1", Kind::WrongContentLength, 3), "another kind");
        assert!(first("b", "1", Kind::UnexpectedBody, 4), "another handler");
        assert!(first("a", "2", Kind::UnexpectedBody, 5), "other code");
        assert!(!first("a", "2", Kind::UnexpectedBody, 6));
        let found = all.iter().map(|finding| {
            (
                &*finding.handler,
                finding.rule,
                finding.request,
                finding.count,
            )
        });
        let expected = [("a", "K12", 6, 2), ("a", "K9", 3, 1), ("b", "K12", 4, 1)];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}
