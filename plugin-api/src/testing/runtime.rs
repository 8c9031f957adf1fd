//! A tokio runtime for handlers in a test.

use std::cell::Cell;

use super::Mounted;
use crate::Result;

thread_local! {
    static WANTED: Cell<bool> = const { Cell::new(false) };
}

/// Mounts handlers as `export!(tokio; …)` does: each gets a runtime of its own.
///
/// It is asked for, and does not come with the feature, since cargo turns a feature on for all
/// crates that are tested together.
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
/// Those of `mount`.
pub fn with_tokio(mount: impl FnOnce() -> Result<Mounted>) -> Result<Mounted> {
    let before = WANTED.replace(true);
    let mounted = mount();
    WANTED.set(before);
    mounted
}

pub(crate) fn wanted() -> bool {
    WANTED.get()
}
