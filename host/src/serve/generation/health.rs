//! The health of an instance: its panics, its blocks, and whether it is out of service.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use stackup_plugin::abi::host::{BreakerFlag, FailureMonitor, FailureStats};

use crate::load::manifest::{Failures, OnFailure};
use crate::policy::{Breaker, BreakerRule, BreakerState};
use crate::services::replaying;

/// What the manifest says about a handler that fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FailurePolicy {
    /// Without a rule it always stays in service.
    rule: Option<BreakerRule>,
    on_failure: OnFailure,
}

impl FailurePolicy {
    pub(super) fn new(failures: &Failures, on_failure: OnFailure) -> Self {
        let rule = failures.panics.map(|panics| BreakerRule {
            failures: panics,
            window: failures.panic_window,
            cool_down: failures.cool_down,
        });
        Self { rule, on_failure }
    }
}

/// The health of one instance.
#[derive(Debug)]
pub struct Health {
    handler: String,
    panics: AtomicU64,
    blocks: AtomicU64,
    service: Mutex<Service>,
}

#[derive(Debug, Default)]
struct Service {
    policy: FailurePolicy,
    breaker: Option<Breaker>,
}

impl Health {
    /// The health of a handler that does not serve yet. Without a policy it always stays in service.
    pub(super) fn new(handler: String) -> Self {
        Self {
            handler,
            panics: AtomicU64::new(0),
            blocks: AtomicU64::new(0),
            service: Mutex::default(),
        }
    }

    /// Applies the policy of the active stack. A new rule starts to count from zero.
    pub(super) fn apply_policy(&self, policy: FailurePolicy) {
        let mut service = self.service();
        if service.policy.rule != policy.rule {
            service.breaker = policy.rule.map(Breaker::new);
        }
        service.policy = policy;
    }

    /// The handler's name.
    pub(super) fn handler(&self) -> &str {
        &self.handler
    }

    fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_try_at(&self, guard: &BreakerFlag, now: u64) -> bool {
        let mut service = self.service();
        let policy = service.policy;
        let Some(breaker) = &mut service.breaker else {
            guard.set(false);
            return true;
        };
        let before = breaker.state();
        let may_try = breaker.permit_call(now);
        let after = breaker.state();
        guard.set(after != BreakerState::Closed);
        drop(service);
        if before != after {
            self.report(policy, after, "");
        }
        may_try
    }

    fn panicked_at(&self, message: &str, place: &str, guard: &BreakerFlag, now: u64) {
        self.panics.fetch_add(1, Ordering::Relaxed);
        let mut service = self.service();
        let policy = service.policy;
        let opened = match &mut service.breaker {
            Some(breaker) => breaker.record_failure(now),
            None => false,
        };
        if opened {
            guard.set(true);
            drop(service);
            self.report(
                policy,
                BreakerState::Open,
                &format!("{message} (at {place})"),
            );
        }
    }

    fn report(&self, policy: FailurePolicy, state: BreakerState, last: &str) {
        let Self { handler, .. } = self;
        let Some(rule) = policy.rule else { return };
        let on_failure = policy.on_failure;
        let policy = match on_failure {
            OnFailure::FailClosed => "fail-closed",
            OnFailure::Bypass => "bypass",
        };
        let (panics, window) = (rule.failures, rule.window.as_secs_f64());
        macro_rules! event {
            ($level:ident, $state:literal, $($text:tt)*) => {
                tracing::$level!(
                    event = "breaker", handler, state = $state, panics, window, policy, $($text)*
                )
            };
        }
        let BreakerRule {
            window: time,
            cool_down,
            ..
        } = rule;
        let instead = match on_failure {
            OnFailure::FailClosed => "requests for it get 503",
            OnFailure::Bypass => "requests pass it by",
        };
        match state {
            BreakerState::Open => event!(
                error,
                "open",
                "out of service for {cool_down:?}, {instead}: {panics} panics within {time:?}, or \
                 one while on trial; the last: {last}"
            ),
            BreakerState::HalfOpen => event!(
                info,
                "half-open",
                "on trial: it serves again, and the next panic within {time:?} ends that"
            ),
            BreakerState::Closed => event!(info, "closed", "back in service"),
        }
    }
}

impl FailureMonitor for Health {
    fn panicked(&self, message: &str, place: &str, guard: &BreakerFlag) {
        // It costs no client a request, so it takes the handler from none.
        if !replaying::is_here() {
            self.panicked_at(message, place, guard, now());
        }
    }

    fn allows_request(&self, guard: &BreakerFlag) -> bool {
        self.may_try_at(guard, now())
    }

    fn blocked(&self) {
        self.blocks.fetch_add(1, Ordering::Relaxed);
    }

    fn stats(&self) -> FailureStats {
        let service = self.service();
        let breaker = service.breaker.as_ref();
        FailureStats {
            panics: self.panics.load(Ordering::Relaxed),
            blocks: self.blocks.load(Ordering::Relaxed),
            out_of_service: breaker.is_some_and(|breaker| breaker.state() == BreakerState::Open),
        }
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
