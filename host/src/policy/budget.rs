//! What retired generations may leave behind before the worker is renewed.

use std::fmt;

/// Limits for retired generations; `None` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The number of retired generations.
    pub generations: Option<u64>,
    /// The address space of unused libraries.
    pub bytes: Option<u64>,
}

/// What retired generations have left behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetiredUsage {
    /// Their number.
    pub generations: u64,
    /// The address space of unused libraries.
    pub bytes: u64,
}

/// The limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetExceeded {
    /// The number of generations.
    Generations {
        /// How many have retired.
        retired: u64,
        /// The limit.
        budget: u64,
    },
    /// The address space.
    Bytes {
        /// How much is used.
        retired: u64,
        /// The limit.
        budget: u64,
    },
}

impl Budget {
    /// The limit that is reached, if one is.
    #[must_use]
    pub fn exceeded(&self, retired: &RetiredUsage) -> Option<BudgetExceeded> {
        if let Some(budget) = self.generations.filter(|most| retired.generations >= *most) {
            let retired = retired.generations;
            return Some(BudgetExceeded::Generations { retired, budget });
        }
        let budget = self.bytes.filter(|most| retired.bytes >= *most)?;
        let retired = retired.bytes;
        Some(BudgetExceeded::Bytes { retired, budget })
    }
}

impl fmt::Display for BudgetExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generations { retired, budget } => write!(
                f,
                "{retired} generations have retired (`[renewal] generations` is {budget})"
            ),
            Self::Bytes { retired, budget } => write!(
                f,
                "unused libraries take {} of address space (`[renewal] memory` is {})",
                mebibytes(*retired),
                mebibytes(*budget)
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
    };

    fn exceeded(budget: Budget, generations: u64, bytes: u64) -> Option<String> {
        let retired = RetiredUsage { generations, bytes };
        budget
            .exceeded(&retired)
            .map(|exceeded| exceeded.to_string())
    }

    #[test]
    fn either_limit_exceeds_the_budget() {
        assert_eq!(exceeded(BUDGET, 199, (1 << 30) - 1), None);
        assert_eq!(
            exceeded(BUDGET, 200, 0).unwrap(),
            "200 generations have retired (`[renewal] generations` is 200)"
        );
        assert_eq!(
            exceeded(BUDGET, 0, 3 << 29).unwrap(),
            "unused libraries take 1536 MiB of address space (`[renewal] memory` is 1024 MiB)"
        );
    }

    #[test]
    fn unlimited_budget_is_never_exceeded() {
        let none = Budget {
            generations: None,
            bytes: None,
        };
        assert_eq!(exceeded(none, u64::MAX, u64::MAX), None);
    }
}
