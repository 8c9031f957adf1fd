//! When the log speaks of a certificate that is about to expire.

use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// CAs and their clients renew with a third of the time left: 30 of 90 days. With less than this left, renewal has failed for weeks.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// How close a certificate is to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryNotice {
    /// It expires in this many whole days.
    Soon(u64),
    /// It has expired.
    Expired,
}

/// What the log has said of one certificate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expiry {
    said: Option<SystemTime>,
}

impl Expiry {
    /// What to say now: at once below 14 days, then once a day.
    pub fn due(&mut self, expires: SystemTime, now: SystemTime) -> Option<ExpiryNotice> {
        let left = expires.duration_since(now).ok();
        if left.is_some_and(|left| left >= SOON) {
            self.said = None;
            return None;
        }
        // The clock may be set back.
        let since = |said: SystemTime| {
            now.duration_since(said)
                .or_else(|_| said.duration_since(now))
        };
        let is_said = self
            .said
            .is_some_and(|said| since(said).is_ok_and(|since| since < DAY));
        if is_said {
            return None;
        }
        self.said = Some(now);
        Some(match left {
            Some(left) => ExpiryNotice::Soon(left.as_secs() / DAY.as_secs()),
            None => ExpiryNotice::Expired,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + day as u32 * DAY
    }

    #[test]
    fn last_two_weeks_are_reported_once_a_day() {
        let (mut expiry, end, hour) = (Expiry::default(), day(100), Duration::from_secs(3600));
        assert_eq!(expiry.due(end, day(86)), None, "fourteen days are left");
        let first = day(86) + hour;
        assert_eq!(expiry.due(end, first), Some(ExpiryNotice::Soon(13)));
        assert_eq!(expiry.due(end, first + 23 * hour), None);
        assert_eq!(
            expiry.due(end, first + 24 * hour),
            Some(ExpiryNotice::Soon(12))
        );
        assert_eq!(expiry.due(end, day(101)), Some(ExpiryNotice::Expired));
        assert_eq!(expiry.due(end, day(101) + hour), None);
    }

    #[test]
    fn renewed_certificate_begins_anew() {
        let mut expiry = Expiry::default();
        assert_eq!(expiry.due(day(10), day(9)), Some(ExpiryNotice::Soon(1)));
        assert_eq!(expiry.due(day(100), day(9)), None);
        assert_eq!(expiry.due(day(10), day(9)), Some(ExpiryNotice::Soon(1)));
    }

    #[test]
    fn clock_that_is_set_back_silences_for_a_day_at_most() {
        let mut expiry = Expiry::default();
        assert_eq!(expiry.due(day(10), day(9)), Some(ExpiryNotice::Soon(1)));
        assert_eq!(expiry.due(day(10), day(3)), Some(ExpiryNotice::Soon(7)));
    }
}
