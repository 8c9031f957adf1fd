//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use http_cache::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let milliseconds = since.map_or(0, |since| since.as_millis());
    let real = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    #[cfg(test)]
    let real = test::shown(real);
    Timestamp(real)
}

#[cfg(test)]
pub(crate) mod test {
    use std::cell::Cell;

    thread_local! {
        static SET: Cell<Option<i64>> = const { Cell::new(None) };
    }

    /// Stops the clock of this thread at a time, in milliseconds.
    pub(crate) fn set(milliseconds: i64) {
        SET.set(Some(milliseconds));
    }

    pub(super) fn shown(real: i64) -> i64 {
        SET.get().unwrap_or(real)
    }
}
