//! A bound for every wait of a test.

use std::future::Future;
use std::time::Duration;

/// Fails a test whose event never comes. No test depends on how long an event takes: on a busy machine
/// a build, or the start of a browser, may need most of this.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// The output of `future`.
///
/// # Panics
///
/// If it does not complete within [`DEADLINE`]. `what` names what the test waits for.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    // Boxed: a test with many waits would otherwise need a large stack.
    tokio::time::timeout(DEADLINE, Box::pin(future))
        .await
        .unwrap_or_else(|_| panic!("{what}: nothing within {DEADLINE:?}"))
}
