//! What the end of a probe says of its last trial.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use super::Step;

/// How a trial killed its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Whether it was `init`; else the library's constructors.
    pub in_init: bool,
    /// How.
    pub how: How,
    /// The last that it wrote to stderr.
    pub last_words: String,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By this signal.
    Signal(i32),
    /// By itself, with this code.
    Exit(i32),
    /// Not at all, within this time.
    Hung(Duration),
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
            in_init: step == Step::Init,
            how,
            last_words: last.join("\n"),
        }
    }
}

impl How {
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.signal(), status.code()) {
            (Some(signal), _) => Self::Signal(signal),
            (None, code) => Self::Exit(code.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.in_init {
            "its `init`"
        } else {
            "loading it"
        };
        match self.how {
            How::Signal(signal) => write!(f, "{place} crashes ({})", signal_name(signal)),
            How::Exit(code) => write!(f, "{place} ends the process (exit code {code})"),
            How::Hung(limit) => write!(f, "{place} does not end within {limit:?}"),
        }
    }
}

/// The name of a signal that code brings upon itself; else its number.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL: an illegal instruction",
        5 => "SIGTRAP",
        6 => "SIGABRT: it aborted",
        7 => "SIGBUS: it read beyond the end of a mapped file",
        8 => "SIGFPE: an arithmetic error",
        9 => "SIGKILL: most often out of memory",
        11 => "SIGSEGV: it touched memory that is not its own",
        24 => "SIGXCPU",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
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
    fn of_the_last_words_the_last_count() {
        let death = Death::new(Step::Load, How::Exit(1), "a\nb\n\nc\nd\n");
        assert_eq!(death.last_words, "b\nc\nd");
    }
}
