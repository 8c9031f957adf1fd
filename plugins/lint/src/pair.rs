//! What two lints share about the layers between them: what went into those layers, and what came out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use contract::{BodyDigest, Violation};
use stackup_plugin::Request;

/// The env name under which a lint finds the one above.
const ENV: &str = "stackup.lint";

/// The pairs of requests in flight, by number.
static PAIRS: Mutex<BTreeMap<u64, Weak<Pair>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What the inner lint records for the outer one.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    number: u64,
    /// The digest of the inner body, once that is complete.
    inner: OnceLock<BodyDigest>,
    chunks: AtomicU64,
    bytes: AtomicU64,
    /// The counts when something last came out.
    chunks_passed: AtomicU64,
    bytes_passed: AtomicU64,
}

fn pairs() -> MutexGuard<'static, BTreeMap<u64, Weak<Pair>>> {
    PAIRS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pair {
    /// Creates the pair that the next lint below joins.
    pub(crate) fn for_lint_below(req: &mut Request) -> Arc<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut pair = Self::default();
        pair.number = number;
        let pair = Arc::new(pair);
        pairs().insert(number, Arc::downgrade(&pair));
        req.env_mut().set(ENV, number.to_string());
        pair
    }

    /// The pair that a lint above has created, if any.
    pub(crate) fn with_lint_above(req: &Request) -> Option<Arc<Self>> {
        let number = req.env().get(ENV)?.parse().ok()?;
        pairs().get(&number)?.upgrade()
    }

    pub(crate) fn count_chunk(&self, length: u64) {
        self.chunks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(length, Ordering::Relaxed);
    }

    pub(crate) fn set_inner_digest(&self, digest: &BodyDigest) {
        // The first end counts.
        let _ = self.inner.set(digest.clone());
    }

    /// Compares what came out with what went in, once both are complete.
    pub(crate) fn check_change(&self, outer: &BodyDigest) -> Option<Violation> {
        outer.check_against(self.inner.get()?)
    }

    /// The chunks and bytes that went in since something last came out. Resets the counts.
    pub(crate) fn take_buffered(&self) -> (u64, u64) {
        let since = |count: &AtomicU64, then: &AtomicU64| {
            let now = count.load(Ordering::Relaxed);
            now - then.swap(now, Ordering::Relaxed)
        };
        (
            since(&self.chunks, &self.chunks_passed),
            since(&self.bytes, &self.bytes_passed),
        )
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        pairs().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use stackup_plugin::Next;
    use stackup_plugin::testing::{block_on, get, middleware_fn};

    use super::*;

    /// Joins the pair of the lint above and creates one; responds with whether each is registered.
    async fn joins(mut req: Request, _next: Next<'_>) -> String {
        let above = Pair::with_lint_above(&req).is_some();
        let below = Pair::for_lint_below(&mut req);
        let joined = Pair::with_lint_above(&req);
        let same = joined.is_some_and(|joined| Arc::ptr_eq(&joined, &below));
        let number = below.number;
        drop(below);
        let left = pairs().contains_key(&number);
        format!("{above} {same} {left}")
    }

    #[test]
    fn pair_is_registered_while_it_lives() {
        let stack = middleware_fn(joins).unwrap();
        for number in ["", "x", "18446744073709551615"] {
            let request = get("/").env(ENV, number);
            let res = block_on(async { stack.answer(request).await?.finish().await });
            assert_eq!(res.unwrap(), "false true false");
        }
    }
}
