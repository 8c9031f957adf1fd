//! Every wait of a test has an end.

use std::future::Future;
use std::time::Duration;

/// How long anything may take that should happen at once; long, for CI builds beside the tests.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The output of `future`.
///
/// # Panics
///
/// When there is none within [`DEADLINE`]; `what` says what was waited for.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    // Boxed: a test that waits for many things would need a large stack for all of them.
    tokio::time::timeout(DEADLINE, Box::pin(future))
        .await
        .unwrap_or_else(|_| panic!("{what}: nothing within {DEADLINE:?}"))
}
