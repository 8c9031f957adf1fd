//! Handlers that are only tried.

use std::cell::Cell;

use super::Mounted;
use crate::Result;

thread_local! {
    static IS_TRIAL: Cell<bool> = const { Cell::new(false) };
}

/// Mounts handlers as the process that only tries them does: [`Context::is_trial`](crate::Context::is_trial) is true. Unlike
/// there, tasks run.
///
/// # Errors
///
/// The errors of `mount`.
pub fn trial(mount: impl FnOnce() -> Result<Mounted>) -> Result<Mounted> {
    let previous = IS_TRIAL.replace(true);
    let mounted = mount();
    IS_TRIAL.set(previous);
    mounted
}

pub(super) fn is_trial() -> bool {
    IS_TRIAL.get()
}
