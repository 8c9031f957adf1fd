//! Parses `config.ru.toml` into a [`Manifest`], or reports everything that is wrong with it.
//!
//! The parser is pure: the environment's name and variables are arguments, and it opens no file. It does
//! not know about libraries or sockets. Nothing in a manifest is silently ignored: an unknown key is an
//! error, and a part that can have no effect is an error or a warning.

use std::path::PathBuf;

use crate::services::{LogFilters, StoreSettings};

pub use self::acme::{Acme, AcmeChallenge};
pub use self::config::Config;
pub use self::dev::Dev;
pub use self::diagnostic::{Diagnostic, Severity, Span};
pub use self::directive::{Directive, OnFailure, ReloadWay, Role};
pub use self::embedded::Embedded;
pub use self::failures::Failures;
pub use self::level::{CascadeBranch, Level, Map};
pub use self::limits::{Limits, MapLimits};
pub use self::metrics::Metrics;
pub use self::plugins::{OnProcessChange, Plugins, Preload, Trust};
pub use self::protocols::{CertificateFiles, ClientAuth, ListenProtocols, ListenTls};
pub use self::proxies::TrustedProxies;
pub use self::read_error::{ReadError, read_error_message};
pub use self::renewal::Renewal;
pub use self::server::{Listen, ListenEntry, Server};
pub use self::settings_diff::settings_diff;

mod acme;
mod conceal;
mod config;
mod dev;
mod diagnostic;
mod directive;
mod duration;
pub mod edit;
mod embedded;
mod failures;
mod level;
mod limits;
mod location;
mod metrics;
pub(crate) mod name;
mod plugins;
mod protocols;
mod proxies;
mod read;
mod render;
mod renewal;
mod server;
mod settings_diff;
mod size;

mod read_error;
#[cfg(test)]
mod tests;
mod variable;
pub(crate) mod words;

/// A manifest's text and its file name.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file name to show in diagnostics. Never opened.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

/// What a manifest depends on besides its text.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The environment's name, as `only` and `except` know it: `development`, `production`, …
    pub environment: &'a str,
    /// Looks up an environment variable for `${VAR}`.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// How its stack stands inside another program, if it does.
    pub embedded: Option<Embedded>,
}

/// A manifest that can be served, with its warnings.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The manifest, for this environment.
    pub manifest: Manifest,
    /// The warnings, in the order of the text.
    pub warnings: Vec<Diagnostic>,
}

/// A parsed manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `[server]`: where to listen, and which proxies to trust.
    pub server: Server,
    /// `[plugins]`: where to look for libraries, and which to trust.
    pub plugins: Plugins,
    /// `[limits]`: bounds on requests, connections and shutdown.
    pub limits: Limits,
    /// `[failures]`: what happens when plugins fail repeatedly.
    pub failures: Failures,
    /// `[renewal]`: when the worker is renewed.
    pub renewal: Renewal,
    /// `[store]`: where plugins keep what must survive a reload.
    pub store: StoreSettings,
    /// `[log]`: what is logged.
    pub log: LogFilters,
    /// `[metrics]`: what is measured; nothing without it.
    pub metrics: Option<Metrics>,
    /// `[dev]`: what `stackup dev` adds during development.
    pub dev: Dev,
    /// Paths to request before a new generation becomes active.
    pub warmup: Vec<String>,
    /// The top level of the stack.
    pub stack: Level,
}

/// Reads a manifest for one environment.
///
/// # Errors
///
/// Every error and warning in the text, in order.
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
