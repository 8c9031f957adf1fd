//! Two lints with layers between them: what went into those layers, and what came out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use stackup_plugin::header::ETAG;
use stackup_plugin::{Request, Response, StatusCode};

/// Where in the env a lint finds the one above.
const ENV: &str = "stackup.lint";

/// The pairs that are under way, by number.
static PAIRS: Mutex<BTreeMap<u64, Weak<Pair>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What the inner lint of two tells the outer one.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    number: u64,
    head: Mutex<Option<Head>>,
    chunks: AtomicU64,
    bytes: AtomicU64,
    complete: AtomicBool,
    /// What had come in when something last went out.
    chunks_then: AtomicU64,
    bytes_then: AtomicU64,
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: StatusCode,
    etag: Vec<u8>,
}

impl Head {
    /// Status and strong tag, if there is one.
    fn of(res: &Response) -> Option<Self> {
        let etag = res.headers().get(ETAG)?.as_bytes();
        let (status, etag) = (res.status(), etag.to_vec());
        etag.starts_with(b"\"").then_some(Self { status, etag })
    }
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

    pub(crate) fn inner_head(&self, res: &Response) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = Head::of(res);
    }

    pub(crate) fn inner_chunk(&self, length: u64) {
        self.chunks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(length, Ordering::Relaxed);
    }

    pub(crate) fn inner_complete(&self) {
        self.complete.store(true, Ordering::Relaxed);
    }

    /// Whether what comes out says that it is, byte for byte, what went in.
    pub(crate) fn same_tag(&self, outer: &Response) -> bool {
        let inner = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        inner.is_some() && *inner == Head::of(outer)
    }

    /// The bytes that went in, once that is all of them.
    pub(crate) fn whole(&self) -> Option<u64> {
        let complete = self.complete.load(Ordering::Relaxed);
        complete.then(|| self.bytes.load(Ordering::Relaxed))
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
