//! Loads a library in a short-lived child process before this process loads it.
//!
//! Constructors and `init` are third-party code: they may crash, hang or end the process. Here they do so in
//! a child, which has no listener and nothing to lose. Before `init`, the config is checked against the
//! handler's own schema, which only a loaded library can provide. An error or a panic of `init` is harmless:
//! the host gets it again, in its context, when it builds the handler.
//!
//! Knows neither HTTP nor TOML.

mod child;
mod crash;
mod parent;

use std::path::PathBuf;
use std::time::Duration;

pub use self::child::main;
pub use self::crash::ProbeCrash;
pub use self::parent::ChildProbe;
use crate::load::library::ProcessChange;
use crate::load::manifest::Config;
use crate::load::schema::Violation;

/// The hidden argument that makes the program a probe.
pub const ARGUMENT: &str = "__probe";

/// A handler to probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The private copy of its library.
    pub library: PathBuf,
    /// Its name in the library's exports.
    pub export: String,
    /// Its name in the manifest.
    pub name: String,
    /// Its config.
    pub config: Config,
}

/// The environment to probe handlers in.
#[derive(Debug, Clone)]
pub struct ProbeContext {
    /// `development`, `production`, ….
    pub environment: String,
    /// The manifest's directory.
    pub directory: PathBuf,
    /// The time limit for each step of a handler.
    pub limit: Duration,
    /// Libraries of the system to load first.
    pub preload: Vec<String>,
}

/// Runs handlers where they can do no harm.
pub trait Probe: Send + Sync + std::fmt::Debug {
    /// Runs the trials, and returns the outcome of each. Blocks.
    ///
    /// Without trials it tries the libraries to preload alone.
    ///
    /// # Errors
    ///
    /// When no child can be started, or a library to preload ends it. Then nothing is known about the trials.
    fn run(
        &self,
        trials: &[Trial],
        setting: &ProbeContext,
    ) -> Result<Vec<TrialOutcome>, ProbeError>;
}

/// Why no trial could run.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeError {
    /// No child could be started, or it said nothing that can be believed.
    Unusable(String),
    /// A library of the system that is loaded before any plugin ended the process.
    Preload {
        /// The library's name in the manifest.
        name: String,
        /// How.
        crash: ProbeCrash,
    },
}

impl From<String> for ProbeError {
    fn from(reason: String) -> Self {
        Self::Unusable(reason)
    }
}

/// How a trial ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrialOutcome {
    /// Why it failed, if it did.
    pub failure: Option<ProbeFailure>,
    /// What it has changed for the whole process.
    pub changes: Vec<ProcessChange>,
    /// The bytes of memory that its library has taken with its first allocation.
    pub memory: u64,
}

/// Why a trial failed.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeFailure {
    /// It ended its process.
    Crashed(ProbeCrash),
    /// Its config violates its own schema, so its `init` was not called.
    InvalidConfig(Vec<Violation>),
}

/// A step of a trial, reported before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Of no trial, but before all of them.
    Preload,
    Load,
    Schema,
    Init,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Preload => "preload",
            Self::Load => "load",
            Self::Schema => "schema",
            Self::Init => "init",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Load, Self::Schema, Self::Init]
            .into_iter()
            .find(|step| step.name() == name)
    }
}
