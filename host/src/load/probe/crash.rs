//! How a trial crashed its probe.

use std::fmt;

use super::Step;
use crate::policy::ExitReason;

/// How a trial ended its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeCrash {
    /// The step it was in.
    pub(super) step: Step,
    /// How the process ended.
    pub reason: ExitReason,
    /// The last lines it wrote to stderr.
    pub stderr_tail: String,
}

impl ProbeCrash {
    pub(super) fn new(step: Step, reason: ExitReason, stderr: &str) -> Self {
        let mut last: Vec<_> = stderr
            .lines()
            .rev()
            .filter(|line| !line.is_empty())
            .take(3)
            .collect();
        last.reverse();
        Self {
            step,
            reason,
            stderr_tail: last.join("\n"),
        }
    }
}

impl fmt::Display for ProbeCrash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.step {
            Step::Preload | Step::Load => "loading it",
            Step::Schema => "reading its schema",
            Step::Init => "its `init`",
        };
        match &self.reason {
            reason @ ExitReason::Signal(_) => write!(f, "{place} crashes ({reason})"),
            reason @ ExitReason::Exit(_) => write!(f, "{place} ends the process ({reason})"),
            ExitReason::Hung(limit) | ExitReason::Stopped(limit) => {
                write!(
                    f,
                    "{place} does not return within {limit:?} (`[limits] warmup_timeout`)"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn message_describes_each_exit_reason() {
        let message = |how| ProbeCrash::new(Step::Init, how, "").to_string();
        assert_eq!(
            message(ExitReason::Signal(6)),
            "its `init` crashes (SIGABRT: it aborted)"
        );
        assert_eq!(
            message(ExitReason::Exit(3)),
            "its `init` ends the process (exit code 3)"
        );
        let hung = ProbeCrash::new(Step::Load, ExitReason::Hung(Duration::from_secs(5)), "");
        assert_eq!(
            hung.to_string(),
            "loading it does not return within 5s (`[limits] warmup_timeout`)"
        );
    }

    #[test]
    fn message_names_each_step() {
        let message = |step| ProbeCrash::new(step, ExitReason::Exit(1), "").to_string();
        for (step, words) in [
            (Step::Load, "loading it ends"),
            (Step::Schema, "reading its schema ends"),
            (Step::Init, "its `init` ends"),
        ] {
            assert!(message(step).starts_with(words), "{}", message(step));
        }
    }

    #[test]
    fn stderr_tail_is_the_last_three_lines() {
        let crash = ProbeCrash::new(Step::Load, ExitReason::Exit(1), "a\nb\n\nc\nd\n");
        assert_eq!(crash.stderr_tail, "b\nc\nd");
    }
}
