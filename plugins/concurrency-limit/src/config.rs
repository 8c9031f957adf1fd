//! The config of `concurrency-limit`.

use std::time::Duration;

use stackup_plugin::path::PathList;
use stackup_plugin::{Error, Result};

use crate::adaptive::AdaptiveLimit;
use crate::gate::{Gate, Limit};

/// `[use.config]` of `concurrency-limit`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// How many requests run at once. With `adaptive`, at the beginning.
    #[schemars(range(min = 1))]
    limit: Option<u32>,
    /// Finds the limit from the time that responses take.
    adaptive: Option<AdaptiveConfig>,
    /// How many more requests may wait.
    queue: u32,
    /// How long a request waits at most, in milliseconds.
    wait: u64,
    /// `retry-after` of requests that are refused, in seconds.
    pub(crate) retry_after: u32,
    /// Paths that are served whatever runs, with everything below them.
    pub(crate) exclude: PathList,
}

/// The bounds of an adaptive limit.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy)]
#[serde(default)]
pub(crate) struct AdaptiveConfig {
    /// The lowest limit.
    #[schemars(range(min = 1))]
    min: u32,
    /// The highest limit.
    #[schemars(range(min = 1, max = 100_000))]
    max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limit: None,
            adaptive: None,
            queue: 100,
            wait: 1_000,
            retry_after: 1,
            exclude: PathList::default(),
        }
    }
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self { min: 4, max: 1_000 }
    }
}

/// The limit at the beginning if the config says none.
const FIRST: u32 = 20;

impl Config {
    pub(crate) fn gate(&self) -> Result<Gate> {
        let limit = match (self.adaptive, self.limit) {
            (None, None) => {
                let message = "set `limit`, or `adaptive = {}` to have it found";
                return Err(Error::config("", message));
            }
            (None, Some(limit)) if limit > MOST => {
                let message = format!("at most {MOST} can be counted");
                return Err(Error::config("limit", message));
            }
            (None, Some(limit)) => Limit::Fixed(limit),
            (Some(bounds), limit) => Limit::Adaptive(bounds.limit(limit)?),
        };
        Ok(Gate::new(
            limit,
            self.queue,
            Duration::from_millis(self.wait),
        ))
    }
}

impl AdaptiveConfig {
    fn limit(self, first: Option<u32>) -> Result<AdaptiveLimit> {
        let Self { min, max } = self;
        if min > max {
            let message = format!("the lowest limit {min} is above the highest, {max}");
            return Err(Error::config("adaptive.min", message));
        }
        if first.is_some_and(|first| !(min..=max).contains(&first)) {
            let message = format!("it is outside of `adaptive`: {min} to {max}");
            return Err(Error::config("limit", message));
        }
        let first = first.unwrap_or(FIRST).clamp(min, max);
        Ok(AdaptiveLimit::new(first, min, max))
    }
}

/// What a semaphore can count on every machine.
const MOST: u32 = 100_000_000;
