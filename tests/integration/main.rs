//! The integration tests of stackup, in one binary.

/// Swaps while requests are in flight: none is lost, none is mixed.
mod load;
/// What a manifest means, and what a person reads who wrote it wrong: `manifests/*.case`.
mod manifest;
