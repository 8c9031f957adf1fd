//! The clock of meters: the processor's counter, which takes less than half as long to read as the system's clock.

use std::sync::LazyLock;

use quanta::Clock;

/// Where the processor has no counter that runs evenly on all cores, it reads the system's clock.
static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::new);

/// Finds out how fast the counter runs, which takes some milliseconds. Later calls do nothing.
pub(super) fn calibrate() {
    LazyLock::force(&CLOCK);
}

/// The time, in ticks.
#[inline]
pub(super) fn ticks() -> u64 {
    CLOCK.raw()
}

/// Ticks as nanoseconds.
#[inline]
pub(super) fn nanoseconds(ticks: u64) -> u64 {
    CLOCK.delta_as_nanos(0, ticks)
}
