//! Plugins that are bad on purpose, and plugins built with other means.

/// Other compilers, allocators, versions and layouts.
mod built_otherwise;
/// Panics and lies while requests are answered.
mod contained;
/// Breakers and the watchdog.
mod failing;
/// Candidates that never serve.
mod refused;
/// tokio in a plugin.
mod tokio;
