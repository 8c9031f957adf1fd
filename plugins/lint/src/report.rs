//! What becomes of an offence.

use contract::Offence;
use stackup_plugin::{Error, Result, tracing};

/// Decides over offences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Court {
    strict: bool,
}

impl Court {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict }
    }

    /// An error for the first where offences fail the request, a line of the log for each where they don't.
    pub(crate) fn hear(self, offences: impl IntoIterator<Item = Offence>) -> Result<()> {
        for offence in offences {
            if self.strict {
                return Err(Error::msg(offence.to_string()));
            }
            tracing::error!("{offence}");
        }
        Ok(())
    }
}
