//! The complete output of `stackup dev`: `dev/*.case`, `lints/*.case`, `edits/*.case`.

/// The parser of cases.
mod case;
/// Output over HTTP.
mod dev;
/// Terminal output about saved crates.
mod edits;
/// Terminal output about layers that break a rule.
mod lints;
/// Replaces values that differ between runs.
mod normalize;
/// A request of a case, and the response to it.
mod request;
/// A host and its terminal output.
mod terminal;

use std::future::Future;

/// Runs a case. A panic fails only this case.
fn play(
    case: impl Future<Output = Result<String, String>> + Send + 'static,
) -> Result<String, String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let played = runtime.block_on(async { tokio::spawn(case).await });
    played.unwrap_or_else(|panic| Err(panic.to_string()))
}
