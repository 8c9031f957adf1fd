//! The integration tests of stackup, in one binary.

/// What plugins that are bad on purpose can't do to a stack that serves.
mod bad_plugins;
/// Everything that can go wrong, at random and under load.
mod chaos;
/// The shelf beside Ruby's Rack, where there is a Ruby: `differential/`.
mod differential;
/// What holds a generation that was replaced, and what it is told.
mod drain;
/// The manifests of `examples/`.
mod examples;
/// Handlers that go on over a swap, and those that don't.
mod instances;
/// What `stackup dev` finds between the layers, and that it finds nothing in the shelf.
mod linted;
/// Swaps while requests are in flight: none is lost, none is mixed.
mod load;
/// Libraries that are locked by their content.
mod locked;
/// What a manifest means, and what a person reads who wrote it wrong: `manifests/*.case`.
mod manifest;
/// Libraries that nothing uses: what they give back, and that they still run.
mod rest;
/// What HTTP clients see: connections, bodies, limits and endings.
mod serving;
/// The plugins of `plugins/` through a real host, as a client sees them.
mod shelf;
/// Workers that come and go under a supervisor that stays, and what an operator asks of it.
mod supervision;
