//! How often the log mentions something that happens again and again: when it begins, then a count.

use std::time::Duration;

/// How long an episode goes on before it is mentioned again.
const REMIND: Duration = Duration::from_secs(60);

/// An episode ends when nothing has happened for this time.
const QUIET: Duration = Duration::from_secs(10);

/// A series of like events. Times are in milliseconds of any clock that is not set back.
#[derive(Debug, Default)]
pub struct Episode(Option<Series>);

#[derive(Debug)]
struct Series {
    began: u64,
    last: u64,
    told: u64,
    count: u64,
}

/// What to say about an episode that has more than one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpisodeSummary {
    /// The number of events since it began.
    pub count: u64,
    /// The time from its first to its last event.
    pub time: Duration,
    /// Whether it is over.
    pub over: bool,
}

impl Episode {
    /// Counts an event. Returns whether it begins an episode, so that it is to be reported.
    pub fn happened(&mut self, now: u64) -> bool {
        match &mut self.0 {
            Some(series) => {
                series.last = now;
                series.count += 1;
                false
            }
            none => {
                *none = Some(Series {
                    began: now,
                    last: now,
                    told: now,
                    count: 1,
                });
                true
            }
        }
    }

    /// Whether an episode has begun and not ended, so that [`summary`](Self::summary) is to be called again.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// What there is to say at `now`, a second or so after the last call. A single event needs no summary.
    pub fn summary(&mut self, now: u64) -> Option<EpisodeSummary> {
        let series = self.0.as_mut()?;
        let since = |time: u64| Duration::from_millis(now.saturating_sub(time));
        let over = since(series.last) >= QUIET;
        if !over && since(series.told) < REMIND {
            return None;
        }
        series.told = now;
        let summary = EpisodeSummary {
            count: series.count,
            time: Duration::from_millis(series.last.saturating_sub(series.began)),
            over,
        };
        if over {
            self.0 = None;
        }
        (summary.count > 1).then_some(summary)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_episode_is_told_at_once_then_every_minute_then_at_its_end() {
        let mut episode = Episode::default();
        let mut lines = Vec::new();
        // 20 events a second for 150 s, then silence.
        for now in (0..200_000).step_by(50) {
            if now < 150_000 && episode.happened(now) {
                lines.push((now, 1));
            }
            if let Some(summary) = episode.summary(now) {
                lines.push((now, summary.count));
            }
        }
        assert_eq!(
            lines,
            [(0, 1), (60_000, 1_201), (120_000, 2_401), (159_950, 3_000)]
        );
        assert!(!episode.is_open());
    }

    #[test]
    fn single_event_has_no_summary() {
        let mut episode = Episode::default();
        assert!(episode.happened(7));
        assert_eq!(episode.summary(20_000), None);
        assert!(!episode.is_open());
        assert!(episode.happened(20_001));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_event_is_lost_and_lines_are_few(steps in prop::collection::vec((0..5_000_u64, any::<bool>()), 1..300)) {
            let (mut episode, mut now) = (Episode::default(), 0);
            let (mut events, mut counted, mut lines) = (0, 0, 0);
            let mut open = 0;
            for (step, happens) in steps {
                now += step;
                if happens {
                    events += 1;
                    if episode.happened(now) {
                        lines += 1;
                        open = 1;
                    } else {
                        open += 1;
                    }
                }
                let summary = episode.summary(now);
                lines += u64::from(summary.is_some());
                if !episode.is_open() {
                    counted += open;
                    if let Some(summary) = summary {
                        prop_assert_eq!(summary.count, open);
                    }
                    open = 0;
                }
            }
            prop_assert_eq!(counted + open, events);
            // Two lines for each 10 s of silence, one a minute.
            prop_assert!(lines <= 2 + 2 * (now / 10_000) + now / 60_000, "{} lines in {} ms", lines, now);
        }
    }
}
