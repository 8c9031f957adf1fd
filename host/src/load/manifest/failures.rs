//! `[failures]`: when a failing handler or library is taken out of service, and when a stack is rolled
//! back.

use std::time::Duration;

/// `[failures]`. `None` is written `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Panics of a handler within `panic_window` that take it out of service.
    pub panics: Option<u32>,
    /// The period in which panics are counted.
    pub panic_window: Duration,
    /// Time until a handler that is out of service is tried again.
    pub cool_down: Duration,
    /// Crashes of a library within `crash_window` that quarantine it.
    pub crashes: u32,
    /// The period in which crashes are counted.
    pub crash_window: Duration,
    /// A new stack is rolled back if it crashes the worker within this time …
    pub probation_time: Duration,
    /// … and before it has served this many requests.
    pub probation_requests: u64,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            panics: Some(5),
            panic_window: Duration::from_secs(10),
            cool_down: Duration::from_secs(30),
            crashes: 3,
            crash_window: Duration::from_secs(600),
            probation_time: Duration::from_secs(30),
            probation_requests: 1000,
        }
    }
}
