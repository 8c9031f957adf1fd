//! What tells one state of a file from another (RFC 9110 §8.8).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that changed this short a time ago may change again and look the same.
const SETTLED: Duration = Duration::from_secs(2);

/// The last second that has four digits for its year.
const LATEST: u64 = 253_402_300_799;

/// The entity tag and the date of a file's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Validators {
    /// With its quotes, and `W/` if it is weak.
    pub(crate) tag: String,
    /// When it changed, in whole seconds; none where HTTP has no date for it.
    pub(crate) changed: Option<SystemTime>,
    /// Whether it has been this way long enough for the date alone to tell.
    pub(crate) settled: bool,
}

impl Validators {
    /// Those of a file of `length` that changed at `seconds` and `nanos` after the epoch, looked at
    /// `now`. `coding` is its content coding, if any: what is made of one file has tags of its own.
    pub(crate) fn new(
        length: u64,
        seconds: i64,
        nanos: i64,
        coding: &str,
        now: SystemTime,
    ) -> Self {
        let modified = date(seconds);
        let settled = modified
            .is_some_and(|modified| now.duration_since(modified).is_ok_and(|age| age >= SETTLED));
        let weak = if settled { "" } else { "W/" };
        Self {
            tag: format!("{weak}\"{seconds:x}.{nanos:x}-{length:x}{coding}\""),
            // No date of ours is later than the response's own (RFC 9110 §8.8.2.1).
            changed: modified.map(|modified| modified.min(whole_seconds(now))),
            settled,
        }
    }

    /// The tag without its weakness.
    pub(crate) fn opaque(&self) -> &str {
        self.tag.strip_prefix("W/").unwrap_or(&self.tag)
    }
}

/// The moment at `seconds` after the epoch, if HTTP has a date for it.
pub(crate) fn date(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= LATEST)?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs().min(LATEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn tag_is_weak_until_the_file_has_settled() {
        let young = Validators::new(10, 100, 5, "", at(101));
        let old = Validators::new(10, 100, 5, "", at(102));
        assert_eq!(young.tag, "W/\"64.5-a\"");
        assert_eq!(old.tag, "\"64.5-a\"");
        assert_eq!(young.opaque(), old.opaque());
        assert_eq!((young.settled, old.settled), (false, true));
    }

    #[test]
    fn each_state_has_its_tag() {
        let base = Validators::new(10, 100, 5, "", at(200)).tag;
        for other in [
            (11, 100, 5, ""),
            (10, 101, 5, ""),
            (10, 100, 6, ""),
            (10, 100, 5, "br"),
        ] {
            assert_ne!(
                Validators::new(other.0, other.1, other.2, other.3, at(200)).tag,
                base
            );
        }
    }

    #[test]
    fn date_is_none_that_http_does_not_have() {
        for (seconds, changed) in [
            (100, Some(at(100))),
            // Of the future.
            (300, Some(at(200))),
            (-1, None),
            (i64::MAX, None),
        ] {
            assert_eq!(Validators::new(1, seconds, 0, "", at(200)).changed, changed);
        }
    }
}
