//! What the end of a probe says of its last trial.

use std::fmt;

use super::Step;
use crate::policy::ExitReason;

/// How a trial killed its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeCrash {
    /// What it did.
    pub(super) step: Step,
    /// How.
    pub how: ExitReason,
    /// The last that it wrote to stderr.
    pub stderr_tail: String,
}

impl ProbeCrash {
    pub(super) fn new(step: Step, how: ExitReason, stderr: &str) -> Self {
        let mut last: Vec<_> = stderr
            .lines()
            .rev()
            .filter(|line| !line.is_empty())
            .take(3)
            .collect();
        last.reverse();
        Self {
            step,
            how,
            stderr_tail: last.join("\n"),
        }
    }
}

impl fmt::Display for ProbeCrash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.step {
            Step::Load => "loading it",
            Step::Schema => "asking for its schema",
            Step::Init => "its `init`",
        };
        match &self.how {
            how @ ExitReason::Signal(_) => write!(f, "{place} crashes ({how})"),
            how @ ExitReason::Exit(_) => write!(f, "{place} ends the process ({how})"),
            ExitReason::Hung(limit) => write!(f, "{place} does not end within {limit:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_end_has_its_words() {
        let death = |how| ProbeCrash::new(Step::Init, how, "").to_string();
        assert_eq!(
            death(ExitReason::Signal(6)),
            "its `init` crashes (SIGABRT: it aborted)"
        );
        assert_eq!(
            death(ExitReason::Exit(3)),
            "its `init` ends the process (exit code 3)"
        );
        let hung = ProbeCrash::new(Step::Load, ExitReason::Hung(Duration::from_secs(5)), "");
        assert_eq!(hung.to_string(), "loading it does not end within 5s");
    }

    #[test]
    fn each_step_has_its_words() {
        let death = |step| ProbeCrash::new(step, ExitReason::Exit(1), "").to_string();
        for (step, words) in [
            (Step::Load, "loading it ends"),
            (Step::Schema, "asking for its schema ends"),
            (Step::Init, "its `init` ends"),
        ] {
            assert!(death(step).starts_with(words), "{}", death(step));
        }
    }

    #[test]
    fn of_the_last_words_the_last_count() {
        let death = ProbeCrash::new(Step::Load, ExitReason::Exit(1), "a\nb\n\nc\nd\n");
        assert_eq!(death.stderr_tail, "b\nc\nd");
    }
}
