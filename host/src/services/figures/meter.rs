//! What counts and times the calls of one node of a stack.

use std::fmt;

use http::{Method, StatusCode};
use stackup_plugin::abi::host::{CallEnd, CallMeter, CallStart, Failure, HostRequest};
use stackup_plugin::abi::tables::RawErrorKind;

use super::clock;
use super::histogram::{self, BUCKETS, HistogramSnapshot};
use super::shards::{Count, Shards, Writer};

/// What [`CallCounts::ends`] counts by: the status classes, and calls that ended without a response.
pub(super) const ENDS: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "canceled"];

/// Where canceled calls are in [`ENDS`].
const CANCELED: usize = 5;

/// Counts and times calls of one node.
pub(super) struct Meter {
    /// The handler whose failures and panics it counts: `plugin` or `plugin#handler`. None for everybody's.
    handler: Option<String>,
    shards: Shards<CallCounts>,
}

/// The counts of one thread.
#[derive(Default)]
struct CallCounts {
    begun: Count,
    ends: [Count; ENDS.len()],
    failures: Count,
    panics: Count,
    received: Count,
    sent: Count,
    total: Histogram,
    own: Histogram,
}

struct Histogram {
    buckets: [Count; BUCKETS],
    sum: Count,
}

/// What a meter has counted.
#[derive(Debug, Default, Clone)]
pub(super) struct CallFigures {
    /// Calls so far without an end.
    pub(super) in_flight: u64,
    /// By [`ENDS`].
    pub(super) ends: [u64; ENDS.len()],
    pub(super) failures: u64,
    pub(super) panics: u64,
    /// Bytes of bodies, from and to clients.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// From the call to its end.
    pub(super) total: HistogramSnapshot,
    /// The same without measured calls below.
    pub(super) own: HistogramSnapshot,
}

impl Meter {
    pub(super) fn new(handler: Option<String>) -> Self {
        Self {
            handler,
            shards: Shards::default(),
        }
    }

    /// What it has counted so far.
    pub(super) fn figures(&self) -> CallFigures {
        let mut all = CallFigures::default();
        let mut begun = 0u64;
        for counts in self.shards.all() {
            begun = begun.wrapping_add(counts.begun.value());
            for (sum, count) in all.ends.iter_mut().zip(&counts.ends) {
                *sum = sum.wrapping_add(count.value());
            }
            all.failures += counts.failures.value();
            all.panics += counts.panics.value();
            all.received += counts.received.value();
            all.sent += counts.sent.value();
            counts.total.add_to(&mut all.total);
            counts.own.add_to(&mut all.own);
        }
        // A call may begin in a shard that was read already, and end in one that was not.
        let ended = all.ends.iter().fold(0u64, |sum, n| sum.wrapping_add(*n));
        all.in_flight = begun.saturating_sub(ended);
        all
    }

    pub(super) fn count_received(&self, bytes: u64) {
        if let Some((counts, writer)) = self.shards.own() {
            counts.received.add(writer, bytes);
        }
    }

    pub(super) fn count_sent(&self, bytes: u64) {
        if let Some((counts, writer)) = self.shards.own() {
            counts.sent.add(writer, bytes);
        }
    }

    fn count_failure(&self, counts: &CallCounts, writer: Writer, failure: &Failure) {
        let handler = self.handler.as_ref();
        let is_own = handler.is_none_or(|handler| failure.handler == *handler);
        if is_own {
            counts.failures.add(writer, 1);
            let panics = u64::from(failure.kind == RawErrorKind::Panic);
            counts.panics.add(writer, panics);
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.handler).finish()
    }
}

impl CallMeter for Meter {
    #[inline]
    fn begin(&self, request: &mut HostRequest) -> CallStart {
        if let Some((counts, writer)) = self.shards.own() {
            counts.begun.add(writer, 1);
        }
        CallStart {
            time: clock::ticks(),
            is_head: request.method() == Method::HEAD,
        }
    }

    fn end(&self, start: CallStart, below: u64, end: CallEnd<'_>) -> u64 {
        let took = clock::ticks().saturating_sub(start.time);
        let Some((counts, writer)) = self.shards.own() else {
            return took;
        };
        let ended = match &end {
            CallEnd::Response(response) => class(response.status()),
            CallEnd::Failure(failure) => {
                self.count_failure(counts, writer, failure);
                class(failure.status)
            }
            CallEnd::Canceled => CANCELED,
        };
        if let Some(count) = counts.ends.get(ended) {
            count.add(writer, 1);
        }
        counts.total.count(writer, clock::nanoseconds(took));
        let own = took.saturating_sub(below);
        counts.own.count(writer, clock::nanoseconds(own));
        took
    }
}

/// Where the class of a status is in [`ENDS`]. There are codes above 599, which no class has.
fn class(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100)
        .saturating_sub(1)
        .min(CANCELED - 1)
}

impl Histogram {
    #[inline]
    fn count(&self, writer: Writer, nanoseconds: u64) {
        if let Some(bucket) = self.buckets.get(histogram::bucket(nanoseconds)) {
            bucket.add(writer, 1);
        }
        self.sum.add(writer, nanoseconds);
    }

    fn add_to(&self, all: &mut HistogramSnapshot) {
        all.merge(&HistogramSnapshot {
            buckets: self.buckets.iter().map(Count::value).collect(),
            sum: self.sum.value(),
        });
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Count::default()),
            sum: Count::default(),
        }
    }
}

#[cfg(test)]
#[path = "meter_tests.rs"]
mod tests;
