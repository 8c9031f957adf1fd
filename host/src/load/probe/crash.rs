//! What the end of a probe says of its last trial.

use std::fmt;

use super::Step;
use crate::policy::How;

/// How a trial killed its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// What it did.
    pub(super) step: Step,
    /// How.
    pub how: How,
    /// The last that it wrote to stderr.
    pub last_words: String,
}

impl Death {
    pub(super) fn new(step: Step, how: How, stderr: &str) -> Self {
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
            last_words: last.join("\n"),
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.step {
            Step::Load => "loading it",
            Step::Schema => "asking for its schema",
            Step::Init => "its `init`",
        };
        match &self.how {
            how @ How::Signal(_) => write!(f, "{place} crashes ({how})"),
            how @ How::Exit(_) => write!(f, "{place} ends the process ({how})"),
            How::Hung(limit) => write!(f, "{place} does not end within {limit:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_end_has_its_words() {
        let death = |how| Death::new(Step::Init, how, "").to_string();
        assert_eq!(
            death(How::Signal(6)),
            "its `init` crashes (SIGABRT: it aborted)"
        );
        assert_eq!(
            death(How::Exit(3)),
            "its `init` ends the process (exit code 3)"
        );
        let hung = Death::new(Step::Load, How::Hung(Duration::from_secs(5)), "");
        assert_eq!(hung.to_string(), "loading it does not end within 5s");
    }

    #[test]
    fn each_step_has_its_words() {
        let death = |step| Death::new(step, How::Exit(1), "").to_string();
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
        let death = Death::new(Step::Load, How::Exit(1), "a\nb\n\nc\nd\n");
        assert_eq!(death.last_words, "b\nc\nd");
    }
}
