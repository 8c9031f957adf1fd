//! How many requests a rule admits: the generic cell rate algorithm (GCRA).
//!
//! A bucket of `burst` requests that refills evenly at `rate`. Its whole state is one point in time, the theoretical arrival
//! time: when the bucket is full again.

use std::time::Duration;

/// A rate and a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// How long one request takes to refill, in nanoseconds. At least 1.
    interval: u64,
    /// The size of the bucket.
    burst: u32,
}

/// What [`Quota::admit`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The request passes if `full_at` is stored.
    Admitted {
        full_at: u64,
        remaining: u32,
    },
    Refused {
        retry_after: Duration,
    },
}

impl Quota {
    /// `"5/20s"`: a number of requests and the time in which they refill, in `ms`, `s`, `m`, `h` or `d`; a missing number is 1.
    ///
    /// # Errors
    ///
    /// What is wrong with `rate` or `burst`.
    pub(crate) fn parse(rate: &str, burst: Option<u32>) -> Result<Self, String> {
        let invalid = || format!("{rate:?} is not a rate such as \"5/20s\", \"100/m\" or \"10/s\"");
        let (requests, window) = rate.split_once('/').ok_or_else(invalid)?;
        let requests: u32 = requests.trim().parse().map_err(|_| invalid())?;
        let window = duration(window.trim()).ok_or_else(invalid)?;
        let nanoseconds = u64::try_from(window.as_nanos()).map_err(|_| invalid())?;
        let interval = nanoseconds.checked_div(requests.into()).unwrap_or(0);
        if interval == 0 {
            return Err(format!(
                "{rate:?} is not possible: a rate is at least one request, and at most one in a nanosecond"
            ));
        }
        Ok(Self {
            interval,
            burst: burst.unwrap_or(requests),
        })
    }

    pub(crate) fn burst(&self) -> u32 {
        self.burst
    }

    /// In which time an empty bucket is full again.
    pub(crate) fn refill(&self) -> Duration {
        Duration::from_nanos(self.time(self.burst))
    }

    /// Whether a request of this `cost` passes at `now`, where the bucket is full again at `full_at`. Times are in nanoseconds of
    /// one clock.
    pub(crate) fn admit(&self, full_at: Option<u64>, cost: u32, now: u64) -> Decision {
        let capacity = self.time(self.burst);
        // A clock that was set back leaves a bucket that is empty, not one that is empty for longer.
        let before = full_at
            .unwrap_or(now)
            .clamp(now, now.saturating_add(capacity));
        let full_at = before.saturating_add(self.time(cost));
        let debt = full_at - now;
        match capacity.checked_sub(debt) {
            Some(room) => Decision::Admitted {
                full_at,
                remaining: u32::try_from(room / self.interval).unwrap_or(u32::MAX),
            },
            None => Decision::Refused {
                retry_after: Duration::from_nanos(debt - capacity),
            },
        }
    }

    fn time(&self, requests: u32) -> u64 {
        self.interval.saturating_mul(requests.into())
    }
}

/// A number and its unit: `20s`, `500ms`, `m`.
///
/// It is longer than zero.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = match number {
        "" => 1,
        number => number.parse().ok()?,
    };
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.checked_mul(milliseconds)?);
    (!duration.is_zero()).then_some(duration)
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
