//! Why a candidate is refused, and at which stage.

use std::fmt;

use crate::load::library;

/// A candidate that may not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stage that refuses it.
    pub stage: Stage,
    /// Why, for people; with colours if the reloader uses them.
    pub reason: String,
}

/// A stage of a reload that can refuse a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The manifest can't be read or parsed.
    Manifest,
    /// A crate can't be built.
    Build,
    /// The lock can't be read.
    Lock,
    /// A directive has no library.
    Find,
    /// A library may not be loaded.
    Library(library::Stage),
    /// A library has no handler of this name.
    Choose,
    /// A config does not fit its handler's schema.
    Config,
    /// A handler crashed in the probe.
    Probe,
    /// The system or the ABI check refuses to load a library.
    Load,
    /// The process has too little of something left to load a library; one that has loaded less may succeed.
    Exhausted,
    /// A library may not be loaded beside the older copy of it that this process has.
    Renew,
    /// The same stack was rolled back before.
    RolledBack,
    /// The store's engine can't be used.
    Store,
    /// A handler can't be built.
    Init,
    /// It failed a warm-up request.
    WarmUp,
    /// The host itself failed.
    Host,
}

impl Stage {
    /// Whether a process that has loaded less may accept what is refused here.
    pub fn is_for_a_fresh_process(self) -> bool {
        matches!(self, Self::Exhausted | Self::Renew)
    }

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
            Self::Load | Self::Exhausted | Self::Renew => f.write_str("load"),
            Self::RolledBack => f.write_str("rolled back"),
            Self::Store => f.write_str("store"),
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
