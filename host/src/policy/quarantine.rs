//! Libraries that crashed the worker too often. They are out of service until they change or are released.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::recent::RecentEvents;

/// When a library is quarantined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineRule {
    /// This many crashes …
    pub crashes: u32,
    /// … within this time.
    pub window: Duration,
}

/// Quarantined libraries and recent crashes, by fingerprint in hex: other content is another library.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    crashes: BTreeMap<String, RecentEvents>,
    held: BTreeMap<String, u64>,
}

impl Quarantine {
    /// Records that the library crashed the worker at `now`. Returns whether this crash quarantines it.
    pub fn record_crash(&mut self, fingerprint: &str, now: u64, rule: &QuarantineRule) -> bool {
        if self.contains(fingerprint) {
            return false;
        }
        self.crashes.retain(|_, recent| {
            recent.expire(now, rule.window);
            !recent.is_empty()
        });
        let recent = self.crashes.entry(fingerprint.to_owned()).or_default();
        if recent.record(now, rule.window) < rule.crashes as usize {
            return false;
        }
        self.held.insert(fingerprint.to_owned(), now);
        true
    }

    /// Whether the library is quarantined.
    #[must_use]
    pub fn contains(&self, fingerprint: &str) -> bool {
        self.held.contains_key(fingerprint)
    }

    /// Releases the library and forgets its crashes. Returns whether it was quarantined.
    pub fn release(&mut self, fingerprint: &str) -> bool {
        self.crashes.remove(fingerprint);
        self.held.remove(fingerprint).is_some()
    }

    /// Each quarantined library and the time since when; sorted by fingerprint.
    pub fn entries(&self) -> impl Iterator<Item = (&str, u64)> {
        let entries = self.held.iter();
        entries.map(|(fingerprint, since)| (fingerprint.as_str(), *since))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: QuarantineRule = QuarantineRule {
        crashes: 3,
        window: Duration::from_millis(1000),
    };

    #[test]
    fn last_crash_of_a_window_quarantines_and_is_reported_once() {
        let mut quarantine = Quarantine::default();
        assert!(!quarantine.record_crash("a", 0, &RULE));
        assert!(!quarantine.record_crash("a", 500, &RULE));
        assert!(!quarantine.contains("a"));
        assert!(quarantine.record_crash("a", 1000, &RULE));
        assert!(quarantine.contains("a"));
        assert!(!quarantine.record_crash("a", 1001, &RULE));
        assert_eq!(quarantine.entries().collect::<Vec<_>>(), [("a", 1000)]);
    }

    #[test]
    fn old_crashes_and_other_libraries_do_not_count() {
        let mut quarantine = Quarantine::default();
        for (fingerprint, now) in [("a", 0), ("a", 500), ("b", 600), ("c", 700), ("a", 1001)] {
            assert!(
                !quarantine.record_crash(fingerprint, now, &RULE),
                "at {now}"
            );
        }
        assert_eq!(quarantine.entries().count(), 0);
    }

    #[test]
    fn released_library_starts_over() {
        let mut quarantine = Quarantine::default();
        assert!(!quarantine.release("a"));
        for now in 0..3 {
            quarantine.record_crash("a", now, &RULE);
        }
        assert!(quarantine.release("a"));
        assert!(!quarantine.contains("a"));
        assert!(!quarantine.record_crash("a", 3, &RULE) && !quarantine.record_crash("a", 4, &RULE));
        assert!(quarantine.record_crash("a", 5, &RULE));
    }

    #[test]
    fn release_forgets_earlier_crashes() {
        let mut quarantine = Quarantine::default();
        quarantine.record_crash("a", 0, &RULE);
        quarantine.record_crash("a", 1, &RULE);
        quarantine.release("a");
        assert!(!quarantine.record_crash("a", 2, &RULE));
    }

    #[test]
    fn expired_crashes_are_dropped() {
        let mut quarantine = Quarantine::default();
        quarantine.record_crash("a", 0, &RULE);
        quarantine.record_crash("b", 5000, &RULE);
        assert_eq!(quarantine.crashes.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn state_survives_serialization() {
        let mut quarantine = Quarantine::default();
        for (fingerprint, now) in [("a", 0), ("a", 1), ("a", 2), ("b", 3), ("b", 4)] {
            quarantine.record_crash(fingerprint, now, &RULE);
        }
        let kept = serde_json::to_string(&quarantine).unwrap();
        let mut again: Quarantine = serde_json::from_str(&kept).unwrap();
        assert_eq!(again, quarantine);
        assert!(again.record_crash("b", 5, &RULE));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn exactly_the_nth_crash_within_the_window_quarantines(
            crashes in 1..5_u32,
            schedule in prop::collection::vec((0..600_u64, 0..3_usize), 0..60),
        ) {
            let rule = QuarantineRule { crashes, ..RULE };
            let mut quarantine = Quarantine::default();
            let (mut now, mut seen, mut held) = (0, vec![Vec::new(); 3], [false; 3]);
            for (pause, which) in schedule {
                now += pause;
                let fingerprint = ["a", "b", "c"][which];
                seen[which].push(now);
                let near = seen[which].iter().filter(|moment| now - **moment <= 1000).count();
                let expected = !held[which] && near >= crashes as usize;
                prop_assert_eq!(quarantine.record_crash(fingerprint, now, &rule), expected);
                held[which] |= expected;
                prop_assert_eq!(quarantine.contains(fingerprint), held[which]);
            }
        }
    }
}
