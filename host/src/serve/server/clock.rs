//! A clock for how long clients let the server wait: cheap enough for every request, and never set back.

use nix::time::{ClockId, clock_gettime};

/// Milliseconds since some moment, exact to about 10 ms.
///
/// By way of the C library: rustix calls the kernel's vDSO itself, which crashes under valgrind.
pub(super) fn now() -> u64 {
    #[cfg(target_os = "linux")]
    let clock = ClockId::CLOCK_MONOTONIC_COARSE;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::CLOCK_MONOTONIC;
    // Only an unknown clock fails.
    let Ok(now) = clock_gettime(clock) else {
        return 0;
    };
    let millis = now.tv_sec() * 1000 + now.tv_nsec() / 1_000_000;
    u64::try_from(millis).unwrap_or_default()
}
