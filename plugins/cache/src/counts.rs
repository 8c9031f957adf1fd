//! How many requests were answered from where.

use stackup_plugin::{Context, Counter, Result};

/// Where a response comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// From the store, and fresh.
    Hit,
    /// From the store, though stale.
    Stale,
    /// From the store, after the layers below have confirmed it.
    Validated,
    /// From the layers below, or not at all: nothing that is stored fits.
    Miss,
    /// From the layers below, since it is none for the cache.
    Passed,
    /// To nobody: a task asks below.
    Unasked,
}

/// What `stackup status` shows.
pub(crate) struct Counts {
    hits: Counter,
    stale: Counter,
    validated: Counter,
    misses: Counter,
    passed: Counter,
}

impl Counts {
    pub(crate) fn new(cx: &Context) -> Result<Self> {
        let counter = |name, help| cx.counter(name, help).build();
        Ok(Self {
            hits: counter("hits", "Requests answered with a fresh stored response")?,
            stale: counter("stale", "Requests answered with a stale stored response")?,
            validated: counter(
                "validated",
                "Requests answered with a stored response that was validated first",
            )?,
            misses: counter("misses", "Requests for which nothing that is stored fits")?,
            passed: counter("passed", "Requests that no stored response may answer")?,
        })
    }

    pub(crate) fn count(&self, served: Served) {
        match served {
            Served::Hit => &self.hits,
            Served::Stale => &self.stale,
            Served::Validated => &self.validated,
            Served::Miss => &self.misses,
            Served::Passed => &self.passed,
            Served::Unasked => return,
        }
        .increment();
    }
}
