//! What this process lends the plugins of all its stacks: log, clock, store, requests to other servers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::services::{self, Lent};

/// The first stack's number as a worker: it is the only one.
const WORKER: u32 = 1;

/// None before the first stack.
static LENT: Mutex<Option<Loan>> = Mutex::new(None);

struct Loan {
    lent: Lent,
    /// Whether a stack sets it up.
    is_taken: bool,
}

/// The right to set it up by a manifest, until this is dropped.
pub(super) struct OwnLent(Lent);

impl OwnLent {
    /// Takes it, unless another stack has. Call it within the runtime.
    pub(super) fn take() -> Option<Self> {
        let mut loan = loan();
        let loan = loan.get_or_insert_with(|| Loan {
            lent: services::install(WORKER),
            is_taken: false,
        });
        if std::mem::replace(&mut loan.is_taken, true) {
            return None;
        }
        Some(Self(loan.lent.clone()))
    }

    pub(super) fn lent(&self) -> Lent {
        self.0.clone()
    }
}

impl Drop for OwnLent {
    fn drop(&mut self) {
        if let Some(loan) = &mut *loan() {
            loan.is_taken = false;
        }
    }
}

fn loan() -> MutexGuard<'static, Option<Loan>> {
    LENT.lock().unwrap_or_else(PoisonError::into_inner)
}
