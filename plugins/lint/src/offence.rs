//! What becomes of an offence.

use stackup_plugin::{Error, Result, tracing};

/// A rule that was not kept, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offence {
    /// Its number in SPEC.md, or the section of an RFC.
    pub(crate) rule: &'static str,
    pub(crate) message: String,
}

impl Offence {
    pub(crate) fn new<T>(rule: &'static str, message: impl Into<String>) -> Result<T, Self> {
        let message = message.into();
        Err(Self { rule, message })
    }
}

/// Decides over offences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Court {
    strict: bool,
}

impl Court {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict }
    }

    /// An error where offences fail the request, a line of the log where they don't.
    pub(crate) fn hear(self, outcome: Result<(), Offence>) -> Result<()> {
        let Err(Offence { rule, message }) = outcome else {
            return Ok(());
        };
        let message = format!("{rule}: {message}");
        if self.strict {
            return Err(Error::msg(message));
        }
        tracing::error!("{message}");
        Ok(())
    }
}
