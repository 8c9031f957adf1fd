//! When to try again what failed only because the system was short of something.

use std::time::Duration;

/// The first wait; each further failure doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);

/// What the system says when it is short of something that others may release: space, quota, descriptors, memory,
/// processes. Our own errors end with it, and so do those of cargo, of the dynamic loader, and of a plugin's `init`.
const SHORTAGES: [&str; 6] = [
    "No space left on device",
    "Disk quota exceeded",
    // And "… in system".
    "Too many open files",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
    "No file descriptors available",
];

/// Whether `reason` says that the system was short of something: the same may work later.
pub fn is_shortage(reason: &str) -> bool {
    SHORTAGES.iter().any(|shortage| reason.contains(shortage))
}

/// The waits between tries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retry {
    failures: u32,
}

impl Retry {
    /// The wait after one more failure.
    pub fn next_delay(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        FIRST.saturating_mul(factor).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn delay_doubles_up_to_a_minute() {
        let mut retry = Retry::default();
        let delays: Vec<_> = (0..8).map(|_| retry.next_delay().as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
        let delays = (0..100).map(|_| retry.next_delay());
        assert!(delays.last() == Some(LONGEST));
    }

    #[test]
    fn shortages_are_told_from_mistakes() {
        use rustix::io::Errno;
        let short = [
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::AGAIN,
        ];
        for errno in short {
            let error = io::Error::from(errno);
            assert!(is_shortage(&format!("failed to copy: {error}")), "{error}");
        }
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::NOEXEC, Errno::ISDIR] {
            assert!(!is_shortage(&io::Error::from(errno).to_string()));
        }
    }
}
