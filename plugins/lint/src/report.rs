//! Reporting violations.

use contract::Violation;
use stackup_plugin::{Error, Result, tracing};

/// Fails requests for violations, or logs them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reporter {
    strict: bool,
}

impl Reporter {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict }
    }

    /// In strict mode, returns the first violation as an error. Otherwise logs each.
    pub(crate) fn report(self, violations: impl IntoIterator<Item = Violation>) -> Result<()> {
        for violation in violations {
            if self.strict {
                return Err(Error::msg(violation.to_string()));
            }
            tracing::error!("{violation}");
        }
        Ok(())
    }
}
