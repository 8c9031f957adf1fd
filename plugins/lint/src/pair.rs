//! Two lints with layers between them: what went into those layers, and what came out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use contract::{Offence, Print};
use stackup_plugin::Request;

/// Where in the env a lint finds the one above.
const ENV: &str = "stackup.lint";

/// The pairs that are under way, by number.
static PAIRS: Mutex<BTreeMap<u64, Weak<Pair>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What the inner lint of two tells the outer one.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    number: u64,
    /// What has gone in, once that is all of it.
    print: OnceLock<Print>,
    chunks: AtomicU64,
    bytes: AtomicU64,
    /// What had come in when something last went out.
    chunks_then: AtomicU64,
    bytes_then: AtomicU64,
}

fn pairs() -> MutexGuard<'static, BTreeMap<u64, Weak<Pair>>> {
    PAIRS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pair {
    /// The pair that the next lint below is to join.
    pub(crate) fn for_lint_below(req: &mut Request) -> Arc<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut pair = Self::default();
        pair.number = number;
        let pair = Arc::new(pair);
        pairs().insert(number, Arc::downgrade(&pair));
        req.env_mut().set(ENV, number.to_string());
        pair
    }

    /// The pair that a lint above has made, if there is one.
    pub(crate) fn with_lint_above(req: &Request) -> Option<Arc<Self>> {
        let number = req.env().get(ENV)?.parse().ok()?;
        pairs().get(&number)?.upgrade()
    }

    pub(crate) fn inner_chunk(&self, length: u64) {
        self.chunks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(length, Ordering::Relaxed);
    }

    pub(crate) fn inner_complete(&self, print: &Print) {
        // Of two ends the first counts.
        let _ = self.print.set(print.clone());
    }

    /// What is wrong with that which came out, once both are whole.
    pub(crate) fn changed(&self, outer: &Print) -> Option<Offence> {
        outer.made_of(self.print.get()?)
    }

    /// Chunks and bytes that went in since something came out last, which is now.
    pub(crate) fn held_back(&self) -> (u64, u64) {
        let since = |count: &AtomicU64, then: &AtomicU64| {
            let now = count.load(Ordering::Relaxed);
            now - then.swap(now, Ordering::Relaxed)
        };
        (
            since(&self.chunks, &self.chunks_then),
            since(&self.bytes, &self.bytes_then),
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

    /// Joins the pair of the lint above, then makes one; answers with whether each is known.
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
    fn pairs_are_known_as_long_as_they_are() {
        let stack = middleware_fn(joins).unwrap();
        for number in ["", "x", "18446744073709551615"] {
            let request = get("/").env(ENV, number);
            let res = block_on(async { stack.answer(request).await?.finish().await });
            assert_eq!(res.unwrap(), "false true false");
        }
    }
}
