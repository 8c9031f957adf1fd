//! Entity tags and dates of files (RFC 9110 §8.8).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that changed this recently may change again within the resolution of its time.
const SETTLED: Duration = Duration::from_secs(2);

/// The last second of the year 9999: HTTP dates have four digits for the year.
const MAX_DATE: u64 = 253_402_300_799;

/// The first second of 1991, before which there was no web. Nix and Guix give each file the time 1, `OSTree` 0,
/// ZIP and wheels 1980-01-01, RubyGems 1980-01-02, npm 1985-10-26: such a time says nothing about a change.
const FIRST_DATE: i64 = 662_688_000;

/// The time that `cargo package` gives to each file.
const CARGO_PACKAGE: i64 = 1_153_704_088;

/// What HTTP may say about the state of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    /// The entity tag with its quotes, and `W/` if it is weak; none if the file's time is a constant.
    pub(crate) tag: Option<String>,
    /// `last-modified`, in whole seconds; none if the file's time is a constant or not an HTTP date.
    pub(crate) changed: Option<SystemTime>,
    /// Whether the file is old enough that its date alone identifies its state.
    pub(crate) settled: bool,
    /// Whether the file's time is in the future, so that `changed` is the time of the response.
    pub(crate) future: bool,
}

impl Validators {
    /// For a file of `length` bytes that changed at `seconds` and `nanos` after the epoch, checked at `now`.
    /// `coding` is its content coding, or empty: each coding of a file has its own tag.
    pub(crate) fn new(
        length: u64,
        seconds: i64,
        nanos: i64,
        coding: &str,
        now: SystemTime,
    ) -> Self {
        if is_constant(seconds) {
            return Self::default();
        }
        let modified = date(seconds);
        let settled = modified
            .is_some_and(|modified| now.duration_since(modified).is_ok_and(|age| age >= SETTLED));
        let future = modified.is_some_and(|modified| modified > now);
        let weak = if settled { "" } else { "W/" };
        Self {
            tag: Some(format!(
                "{weak}\"{seconds:x}.{nanos:x}-{length:x}{coding}\""
            )),
            // `last-modified` is never later than `date` (RFC 9110 §8.8.2.1).
            changed: modified.map(|modified| modified.min(whole_seconds(now))),
            settled,
            future,
        }
    }

    /// The tag without `W/`.
    pub(crate) fn opaque(&self) -> Option<&str> {
        let tag = self.tag.as_deref()?;
        Some(tag.strip_prefix("W/").unwrap_or(tag))
    }
}

/// Whether packagers give this time to every file, so that it says nothing about changes.
pub(crate) fn is_constant(seconds: i64) -> bool {
    seconds < FIRST_DATE || seconds == CARGO_PACKAGE
}

/// The time `seconds` after the epoch, if it is an HTTP date.
pub(crate) fn date(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= MAX_DATE)?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs().min(MAX_DATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some time in 2001.
    const T: i64 = 1_000_000_000;

    fn at(seconds: i64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds as u64)
    }

    fn tag(length: u64, seconds: i64, nanos: i64, coding: &str) -> Option<String> {
        Validators::new(length, seconds, nanos, coding, at(T + 100)).tag
    }

    #[test]
    fn tag_is_weak_until_the_file_has_settled() {
        let young = Validators::new(10, T, 5, "", at(T + 1));
        let old = Validators::new(10, T, 5, "", at(T + 2));
        assert_eq!(young.tag.as_deref(), Some("W/\"3b9aca00.5-a\""));
        assert_eq!(old.tag.as_deref(), Some("\"3b9aca00.5-a\""));
        assert_eq!(young.opaque(), old.opaque());
        assert_eq!((young.settled, old.settled), (false, true));
    }

    #[test]
    fn each_state_has_its_own_tag() {
        let base = tag(10, T, 5, "");
        for other in [
            tag(11, T, 5, ""),
            tag(10, T + 1, 5, ""),
            tag(10, T, 6, ""),
            tag(10, T, 5, "br"),
        ] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn constant_time_gives_no_validators() {
        // Nix, OSTree, before the epoch, ZIP, RubyGems, npm, cargo.
        for seconds in [
            1,
            0,
            -1,
            i64::MIN,
            315_532_800,
            315_619_200,
            499_162_500,
            1_153_704_088,
        ] {
            let validators = Validators::new(10, seconds, 0, "", at(T + T));
            assert_eq!(validators, Validators::default(), "{seconds}");
        }
    }

    #[test]
    fn last_modified_is_a_date_and_never_in_the_future() {
        for (seconds, changed) in [
            (T, Some(at(T))),
            (T + 200, Some(at(T + 100))),
            (i64::MAX, None),
        ] {
            let validators = Validators::new(1, seconds, 0, "", at(T + 100));
            assert_eq!(validators.changed, changed);
        }
    }

    #[test]
    fn file_of_the_future_never_settles() {
        for now in [T, T + 1, T + 2] {
            let validators = Validators::new(1, T + 50, 0, "", at(now));
            assert!(!validators.settled && validators.future);
            assert_eq!(validators.tag.as_deref(), Some("W/\"3b9aca32.0-1\""));
        }
    }
}
