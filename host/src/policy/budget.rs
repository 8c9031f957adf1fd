//! What the generations that have retired may leave behind before the worker is renewed.

use std::fmt;

/// `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// So many retired generations.
    pub generations: Option<u64>,
    /// So much address space of libraries at rest.
    pub bytes: Option<u64>,
}

/// What retired generations have left behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetiredUsage {
    /// How many they are.
    pub generations: u64,
    /// The address space of libraries at rest.
    pub bytes: u64,
}

/// The part of a budget that is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetExceeded {
    /// The generations.
    Generations {
        /// How many have retired.
        retired: u64,
        /// How many may.
        budget: u64,
    },
    /// The address space.
    Bytes {
        /// How much is taken.
        retired: u64,
        /// How much may be.
        budget: u64,
    },
}

impl Budget {
    /// What of it is spent, if anything is.
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
                "libraries at rest take {} of address space (`[renewal] memory` is {})",
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

    fn spent(budget: Budget, generations: u64, bytes: u64) -> Option<String> {
        let retired = RetiredUsage { generations, bytes };
        budget.exceeded(&retired).map(|spent| spent.to_string())
    }

    #[test]
    fn it_is_spent_when_either_is_reached() {
        assert_eq!(spent(BUDGET, 199, (1 << 30) - 1), None);
        assert_eq!(
            spent(BUDGET, 200, 0).unwrap(),
            "200 generations have retired (`[renewal] generations` is 200)"
        );
        assert_eq!(
            spent(BUDGET, 0, 3 << 29).unwrap(),
            "libraries at rest take 1536 MiB of address space (`[renewal] memory` is 1024 MiB)"
        );
    }

    #[test]
    fn without_a_limit_it_is_never_spent() {
        let none = Budget {
            generations: None,
            bytes: None,
        };
        assert_eq!(spent(none, u64::MAX, u64::MAX), None);
    }
}
