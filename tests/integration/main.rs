//! The integration tests of stackup, in one binary.

/// What a manifest means, and what a person reads who wrote it wrong: `manifests/*.case`.
mod manifest;
