//! The text of `config.ru.toml` → a [`Manifest`], or all that is wrong with it.
//!
//! This room is pure: the environment's name and variables are arguments, and it opens no file. It
//! knows nothing of libraries and sockets. Nothing written in a manifest is ignored in silence:
//! what is not understood is an error, what cannot have an effect is an error or a warning.

use std::path::PathBuf;

pub use self::dev::Dev;
pub use self::diagnostic::{Diagnostic, Severity, Span};
pub use self::directive::{Directive, OnFailure, Role};
pub use self::failures::Failures;
pub use self::level::{CascadeBranch, Level, Map};
pub use self::limits::Limits;
pub use self::plugins::{Plugins, Trust};
pub use self::read_error::{ReadError, read_error_message};
pub use self::renewal::Renewal;
pub use self::server::{Listen, Server};

mod dev;
mod diagnostic;
mod directive;
mod duration;
pub mod edit;
mod failures;
mod level;
mod limits;
mod location;
pub(crate) mod name;
mod plugins;
mod read;
mod render;
mod renewal;
pub mod secret;
mod server;
mod size;

mod read_error;
#[cfg(test)]
mod tests;
mod variable;
pub(crate) mod words;

/// A manifest's text and the name it is known by.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file as a person would name it; shown in diagnostics, never opened.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

/// What a manifest may depend on besides its text.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The environment's name, as `only` and `except` know it: `development`, `production`, …
    pub environment: &'a str,
    /// Looks up an environment variable for `${VAR}`.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// A manifest that can be served, and what is odd about it.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What the text says, for this environment.
    pub manifest: Manifest,
    /// What is probably not meant as written, in the order of the text.
    pub warnings: Vec<Diagnostic>,
}

/// All that a manifest says.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `[server]`: where to listen.
    pub server: Server,
    /// `[plugins]`: where libraries are looked for and which are trusted.
    pub plugins: Plugins,
    /// `[limits]`: sizes, counts and times that a request may not exceed.
    pub limits: Limits,
    /// `[failures]`: what follows when plugins fail again and again.
    pub failures: Failures,
    /// `[renewal]`: when the worker is renewed.
    pub renewal: Renewal,
    /// `[dev]`: what `stackup dev` adds for whoever develops.
    pub dev: Dev,
    /// Paths to ask for before a new generation becomes active.
    pub warmup: Vec<String>,
    /// The `use`, `map` and `run` of the top level.
    pub stack: Level,
}

/// Reads a manifest for one environment.
///
/// # Errors
///
/// Every error found in the text, with its warnings, in the order of the text.
pub fn parse(source: &Source, settings: &Settings<'_>) -> Result<Parsed, Vec<Diagnostic>> {
    let (manifest, diagnostics) = read::manifest(&source.text, settings);
    match manifest {
        Some(manifest) if !diagnostics.iter().any(Diagnostic::is_error) => Ok(Parsed {
            manifest,
            warnings: diagnostics,
        }),
        _ => Err(diagnostics),
    }
}
