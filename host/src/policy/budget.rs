//! What retired generations may leave behind before the worker is renewed.

use std::fmt;

/// Limits for retired generations; `None` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The number of retired generations.
    pub generations: Option<u64>,
    /// The memory and address space of unused libraries.
    pub bytes: Option<u64>,
    /// The threads of unused libraries.
    pub threads: Option<u64>,
    /// The descriptors of unused libraries.
    pub descriptors: Option<u64>,
}

/// What retired generations have left behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetiredUsage {
    /// Their number.
    pub generations: u64,
    /// The memory and address space of unused libraries.
    pub bytes: u64,
    /// The threads of unused libraries.
    pub threads: u64,
    /// The descriptors of unused libraries.
    pub descriptors: u64,
}

/// The limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetExceeded {
    what: Resource,
    retired: u64,
    budget: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Generations,
    Bytes,
    Threads,
    Descriptors,
}

impl Budget {
    /// The limit that is reached, if one is.
    #[must_use]
    pub fn exceeded(&self, retired: &RetiredUsage) -> Option<BudgetExceeded> {
        let all = [
            (Resource::Generations, self.generations, retired.generations),
            (Resource::Bytes, self.bytes, retired.bytes),
            (Resource::Threads, self.threads, retired.threads),
            (Resource::Descriptors, self.descriptors, retired.descriptors),
        ];
        all.into_iter().find_map(|(what, budget, retired)| {
            let budget = budget.filter(|most| retired >= *most)?;
            Some(BudgetExceeded {
                what,
                retired,
                budget,
            })
        })
    }
}

impl fmt::Display for BudgetExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            retired, budget, ..
        } = *self;
        match self.what {
            Resource::Generations => write!(
                f,
                "{retired} generations have retired (`[renewal] generations` is {budget})"
            ),
            Resource::Bytes => write!(
                f,
                "unused libraries take {} of memory and address space (`[renewal] memory` is {})",
                mebibytes(retired),
                mebibytes(budget)
            ),
            Resource::Threads => write!(
                f,
                "unused libraries have {retired} threads (`[renewal] threads` is {budget})"
            ),
            Resource::Descriptors => write!(
                f,
                "unused libraries have {retired} descriptors (`[renewal] descriptors` is {budget})"
            ),
        }
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget {
        generations: Some(200),
        bytes: Some(1 << 30),
        threads: Some(256),
        descriptors: Some(512),
    };

    fn exceeded(budget: Budget, retired: RetiredUsage) -> Option<String> {
        budget
            .exceeded(&retired)
            .map(|exceeded| exceeded.to_string())
    }

    #[test]
    fn each_limit_exceeds_the_budget() {
        let below = RetiredUsage {
            generations: 199,
            bytes: (1 << 30) - 1,
            threads: 255,
            descriptors: 511,
        };
        assert_eq!(exceeded(BUDGET, below), None);
        for (retired, says) in [
            (
                RetiredUsage {
                    generations: 200,
                    ..below
                },
                "200 generations have retired (`[renewal] generations` is 200)",
            ),
            (
                RetiredUsage {
                    bytes: 3 << 29,
                    ..below
                },
                "unused libraries take 1536 MiB of memory and address space (`[renewal] memory` is 1024 MiB)",
            ),
            (
                RetiredUsage {
                    threads: 300,
                    ..below
                },
                "unused libraries have 300 threads (`[renewal] threads` is 256)",
            ),
            (
                RetiredUsage {
                    descriptors: 512,
                    ..below
                },
                "unused libraries have 512 descriptors (`[renewal] descriptors` is 512)",
            ),
        ] {
            assert_eq!(exceeded(BUDGET, retired).as_deref(), Some(says));
        }
    }

    #[test]
    fn unlimited_budget_is_never_exceeded() {
        let none = Budget {
            generations: None,
            bytes: None,
            threads: None,
            descriptors: None,
        };
        let most = RetiredUsage {
            generations: u64::MAX,
            bytes: u64::MAX,
            threads: u64::MAX,
            descriptors: u64::MAX,
        };
        assert_eq!(exceeded(none, most), None);
    }
}
