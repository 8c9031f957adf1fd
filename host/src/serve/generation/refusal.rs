//! Why a candidate is refused, and where on its way.

use std::fmt;

use crate::load::library;

/// A candidate that may not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How far it came.
    pub stage: Stage,
    /// Why, for a person; with colours where the reloader shows them.
    pub reason: String,
}

/// Where on its way a candidate is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The manifest can't be read, or understood.
    Manifest,
    /// A crate can't be built.
    Build,
    /// The lock can't be read.
    Lock,
    /// A directive leads to no library.
    Find,
    /// A library is not fit to be loaded.
    Library(library::Stage),
    /// A library has no such handler.
    Choose,
    /// A config does not fit its handler's schema.
    Config,
    /// A handler would have taken the server with it.
    Probe,
    /// The system, or the check of its layout, refuses a library.
    Load,
    /// It was rolled back before.
    RolledBack,
    /// A handler can't be built.
    Init,
    /// It does not answer well.
    WarmUp,
    /// The host itself is at fault.
    Host,
}

impl Stage {
    /// A refusal at this stage.
    pub(super) fn refuses(self, reason: impl ToString) -> Refusal {
        Refusal {
            stage: self,
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("manifest"),
            Self::Build => f.write_str("build"),
            Self::Lock => f.write_str("lock"),
            Self::Find => f.write_str("find"),
            Self::Library(stage) => stage.fmt(f),
            Self::Choose => f.write_str("choose"),
            Self::Config => f.write_str("config"),
            Self::Probe => f.write_str("probe"),
            Self::Load => f.write_str("load"),
            Self::RolledBack => f.write_str("rolled back"),
            Self::Init => f.write_str("init"),
            Self::WarmUp => f.write_str("warm up"),
            Self::Host => f.write_str("host"),
        }
    }
}

/// Why a reload ends without a candidate.
#[derive(Debug)]
pub(super) enum ReloadError {
    /// The candidate may not serve.
    Refused(Refusal),
    /// Something changed before the candidate was built.
    Outdated,
}

impl From<Refusal> for ReloadError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A step whose task panicked or was cancelled.
pub(super) fn task_failed(error: &tokio::task::JoinError) -> Refusal {
    Stage::Host.refuses(error)
}
