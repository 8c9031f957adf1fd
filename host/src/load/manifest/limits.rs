//! `[limits]`: bounds on requests, connections and shutdown.

use std::fmt;
use std::time::Duration;

use super::{duration, size};

/// `[limits]`. `None` is written `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of a request's head, in bytes.
    pub header_bytes: usize,
    /// Number of a request's header fields.
    pub header_count: usize,
    /// Time for a client to send the head of a request.
    pub header_timeout: Option<Duration>,
    /// Size of a request's body, in bytes.
    pub body_bytes: Option<u64>,
    /// Time for which a client may send nothing of a body that is being read.
    pub body_timeout: Option<Duration>,
    /// Time for which a client may take nothing of a response.
    pub send_timeout: Option<Duration>,
    /// Time for the stack to answer.
    pub request_timeout: Option<Duration>,
    /// Number of open connections.
    pub connections: usize,
    /// Number of requests of one connection of HTTP/2, in flight.
    pub http2_streams: u32,
    /// Number of requests of one plugin to other servers, in flight.
    pub fetches: Option<usize>,
    /// Time for remaining requests when the process ends. Always finite.
    pub shutdown_timeout: Duration,
    /// Time for remaining requests of a replaced generation. Always finite.
    pub drain_timeout: Duration,
    /// The same for connections of a replaced generation that have changed to another protocol. Always finite.
    pub upgrade_drain: Duration,
    /// Time for a candidate's warm-up requests. Always finite.
    pub warmup_timeout: Duration,
    /// A handler that blocks its thread for this time is reported.
    pub block_report: Option<Duration>,
    /// A handler that blocks its thread for this time has failed: the worker is renewed.
    pub block_limit: Option<Duration>,
    /// A worker process that does not answer the supervisor for this time is replaced.
    pub worker_timeout: Option<Duration>,
}

/// `limits` of a map. None is what applies around the map; `Some(None)` is written `"off"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapLimits {
    /// As [`Limits::body_bytes`].
    pub body_bytes: Option<Option<u64>>,
    /// As [`Limits::body_timeout`].
    pub body_timeout: Option<Option<Duration>>,
    /// As [`Limits::send_timeout`].
    pub send_timeout: Option<Option<Duration>>,
    /// As [`Limits::request_timeout`].
    pub request_timeout: Option<Option<Duration>>,
}

impl MapLimits {
    /// Whether all are those around the map.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for MapLimits {
    /// As they are written, with a comma between two: `body_bytes 1GiB, request_timeout off`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |limit: Option<Duration>| limit.map_or("off".to_owned(), duration::show);
        let size = |limit: Option<u64>| limit.map_or("off".to_owned(), size::show);
        let set = [
            ("body_bytes", self.body_bytes.map(size)),
            ("body_timeout", self.body_timeout.map(time)),
            ("send_timeout", self.send_timeout.map(time)),
            ("request_timeout", self.request_timeout.map(time)),
        ];
        let set = set
            .into_iter()
            .filter_map(|(key, limit)| Some((key, limit?)));
        for (number, (key, limit)) in set.enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{key} {limit}")?;
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 64 << 10,
            header_count: 100,
            header_timeout: Some(Duration::from_secs(10)),
            body_bytes: Some(10 << 20),
            body_timeout: Some(Duration::from_secs(60)),
            send_timeout: Some(Duration::from_secs(60)),
            request_timeout: Some(Duration::from_secs(60)),
            connections: 10_000,
            http2_streams: 128,
            fetches: Some(10_000),
            shutdown_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            upgrade_drain: Duration::from_secs(30),
            warmup_timeout: Duration::from_secs(10),
            block_report: Some(Duration::from_secs(1)),
            block_limit: Some(Duration::from_secs(30)),
            worker_timeout: Some(Duration::from_secs(10)),
        }
    }
}
