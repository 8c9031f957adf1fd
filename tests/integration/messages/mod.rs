//! What a person reads who develops, in full: `dev/*.case`, `lints/*.case`, `edits/*.case`.

/// What is above the dashes of a case.
mod case;
/// What `stackup dev` says over HTTP.
mod dev;
/// What the terminal says of crates that are saved.
mod edits;
/// What the terminal says of layers that break a rule.
mod lints;
/// What is the same whenever and wherever it is said.
mod normalize;
/// A request of a case, and the response to it.
mod request;
/// A host whose terminal is read.
mod terminal;

use std::future::Future;

/// Plays a case to its end. What panics meanwhile is a difference of this case alone.
fn play(
    case: impl Future<Output = Result<String, String>> + Send + 'static,
) -> Result<String, String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let played = runtime.block_on(async { tokio::spawn(case).await });
    played.unwrap_or_else(|panic| Err(panic.to_string()))
}
