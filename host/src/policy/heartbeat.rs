//! Whether a process still answers.

use std::time::{Duration, Instant};

/// How often a process is asked whether it is alive.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A process that is asked regularly whether it is alive.
///
/// Its silence is counted in time that the asking process was awake for: if that one was stopped, starved or suspended, an
/// answer may have waited all that time to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// When it was last asked, or would have been.
    checked: Option<Instant>,
    /// A question has no answer yet.
    asked: bool,
    silence: Duration,
}

impl Heartbeat {
    /// Call it every [`INTERVAL`]. A silence is `excused` while something is known that explains it. Returns how long the
    /// process has been silent.
    pub fn check(&mut self, now: Instant, excused: bool) -> Duration {
        let passed = match self.checked.replace(now) {
            Some(before) => now.saturating_duration_since(before).min(INTERVAL),
            None => Duration::ZERO,
        };
        if self.asked && !excused {
            self.silence += passed;
        }
        self.silence
    }

    /// Whether to ask now. A process that does not read gets one question, not a queue of them.
    pub fn ask(&mut self) -> bool {
        !std::mem::replace(&mut self.asked, true)
    }

    /// The process has sent something.
    pub fn answered(&mut self) {
        self.asked = false;
        self.silence = Duration::ZERO;
    }

    /// Whether a question has no answer yet.
    pub fn is_late(&self) -> bool {
        self.asked
    }

    /// How long it has been silent.
    pub fn silence(&self) -> Duration {
        self.silence
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happens between two checks.
    #[derive(Debug, Clone)]
    enum Second {
        /// This many milliseconds pass.
        Passes(u64),
        Answered,
        Excused(u64),
    }

    fn second() -> impl Strategy<Value = Second> {
        let time = prop_oneof![1_000..1_100_u64, 0..100_000_000_u64];
        prop_oneof![
            time.clone().prop_map(Second::Passes),
            Just(Second::Answered),
            time.prop_map(Second::Excused),
        ]
    }

    /// The silence after each of these.
    fn silences(seconds: &[Second]) -> Vec<Duration> {
        let (mut heartbeat, mut now) = (Heartbeat::default(), Instant::now());
        let mut silences = Vec::new();
        for second in seconds {
            heartbeat.ask();
            match second {
                Second::Passes(milliseconds) | Second::Excused(milliseconds) => {
                    now += Duration::from_millis(*milliseconds);
                    heartbeat.check(now, matches!(second, Second::Excused(_)));
                }
                Second::Answered => heartbeat.answered(),
            }
            silences.push(heartbeat.silence());
        }
        silences
    }

    #[test]
    fn silence_grows_until_an_answer() {
        let seconds = [
            Second::Passes(1_000),
            Second::Passes(1_000),
            Second::Passes(1_000),
            Second::Answered,
            Second::Passes(1_000),
        ];
        let silences: Vec<_> = silences(&seconds)
            .into_iter()
            .map(|silence| silence.as_secs())
            .collect();
        // The first check has nothing to measure from.
        assert_eq!(silences, [0, 1, 2, 0, 1]);
    }

    #[test]
    fn a_process_is_not_asked_again_before_it_answers() {
        let mut heartbeat = Heartbeat::default();
        assert!(heartbeat.ask());
        assert!(!heartbeat.ask());
        heartbeat.answered();
        assert!(heartbeat.ask());
    }

    #[test]
    fn an_hour_without_a_check_counts_as_one_interval() {
        let hour = Second::Passes(3_600_000);
        assert_eq!(
            silences(&[Second::Passes(1_000), hour]),
            [Duration::ZERO, INTERVAL]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However long the checks were late: a process is silent for N intervals only after N checks since its answer.
        #[test]
        fn silence_is_no_longer_than_the_checks_since_the_last_answer(
            seconds in prop::collection::vec(second(), 0..60),
        ) {
            let mut checks = 0;
            for (second, silence) in seconds.iter().zip(silences(&seconds)) {
                match second {
                    Second::Passes(_) => checks += 1,
                    Second::Answered => checks = 0,
                    Second::Excused(_) => {}
                }
                prop_assert!(silence <= INTERVAL * checks, "{silence:?} after {checks} checks");
            }
        }

        /// A process that never answers is found out, however the checks are spread.
        #[test]
        fn silence_without_an_excuse_is_found_out(times in prop::collection::vec(1_000..5_000_u64, 12..20)) {
            let seconds: Vec<_> = times.into_iter().map(Second::Passes).collect();
            let last = silences(&seconds).last().copied();
            prop_assert!(last >= Some(10 * INTERVAL), "{last:?}");
        }
    }
}
