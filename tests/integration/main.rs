//! The integration tests of stackup, in one binary.

/// What plugins that are bad on purpose can't do to a stack that serves.
mod bad_plugins;
/// Swaps while requests are in flight: none is lost, none is mixed.
mod load;
/// What a manifest means, and what a person reads who wrote it wrong: `manifests/*.case`.
mod manifest;
/// Libraries that nothing uses: what they give back, and that they still run.
mod rest;
/// What HTTP clients see: connections, bodies, limits and endings.
mod serving;
/// The plugins of the shelf, each in a real host.
mod shelf;
