//! A short-lived child process that loads a library before this one does.
//!
//! Constructors and `init` are code of a stranger: they may crash, hang or end the process. Here they do
//! it in a child, which has no listener and nothing to lose. Before `init` its config is held against the
//! handler's own schema, which only a loaded library can tell. An error or a panic of `init` harms nobody;
//! the host meets it again, in place, when it builds the handler itself.
//!
//! Knows neither HTTP nor TOML.

mod child;
mod crash;
mod parent;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

pub use self::child::main;
pub use self::crash::ProbeCrash;
pub use self::parent::ChildProbe;
use crate::load::schema::Violation;

/// The hidden argument that makes the program a probe.
pub const ARGUMENT: &str = "__probe";

/// A handler to be tried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The private copy of its library.
    pub library: PathBuf,
    /// As the library exports it.
    pub export: String,
    /// As the manifest names it.
    pub name: String,
    /// Its config.
    pub config: Map<String, Value>,
}

/// Where the handlers are to believe that they are.
#[derive(Debug, Clone)]
pub struct ProbeContext {
    /// `development`, `production`, ….
    pub environment: String,
    /// The manifest's directory.
    pub directory: PathBuf,
    /// How long one handler may take.
    pub limit: Duration,
}

/// Tries handlers out where they can do no harm.
pub trait Probe: Send + Sync + std::fmt::Debug {
    /// For each trial what is wrong with it, if anything is. Blocks.
    ///
    /// # Errors
    ///
    /// When there can be no child: nothing is known of the trials then.
    fn run(
        &self,
        trials: &[Trial],
        setting: &ProbeContext,
    ) -> Result<Vec<Option<ProbeFailure>>, String>;
}

/// What is wrong with a trial.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeFailure {
    /// It killed its process.
    Crashed(ProbeCrash),
    /// Its config is not what its own schema says, so its `init` was not called.
    InvalidConfig(Vec<Violation>),
}

/// A step of a trial, told before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Load,
    Schema,
    Init,
}

impl Step {
    fn word(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Schema => "schema",
            Self::Init => "init",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Load, Self::Schema, Self::Init]
            .into_iter()
            .find(|step| step.word() == word)
    }
}
