//! Plugins that misbehave on purpose, and plugins built with other tools.

/// Other compilers, allocators, versions and layouts.
mod built_otherwise;
/// Panics and invalid responses during requests.
mod contained;
/// Breakers and the watchdog.
mod failing;
/// Candidates that are refused.
mod refused;
/// tokio in a plugin.
mod tokio;
