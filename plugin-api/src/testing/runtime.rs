//! A tokio runtime for handlers in a test.

use std::cell::Cell;

use super::Mounted;
use crate::Result;

thread_local! {
    static ENABLED: Cell<bool> = const { Cell::new(false) };
}

/// Mounts handlers as `export!(tokio; …)` does: they share a runtime of the plugin's own.
///
/// The feature `tokio` alone does not do this, since cargo enables a feature for all crates that are
/// tested together.
///
/// ```
/// # use stackup_plugin::testing;
/// # async fn slow() -> &'static str { tokio::time::sleep(std::time::Duration::ZERO).await; "" }
/// let mounted = testing::with_tokio(|| testing::app_fn(slow))?;
/// # Ok::<_, stackup_plugin::Error>(())
/// ```
///
/// # Errors
///
/// The errors of `mount`.
pub fn with_tokio(mount: impl FnOnce() -> Result<Mounted>) -> Result<Mounted> {
    let previous = ENABLED.replace(true);
    let mounted = mount();
    ENABLED.set(previous);
    mounted
}

pub(crate) fn enabled() -> bool {
    ENABLED.get()
}
