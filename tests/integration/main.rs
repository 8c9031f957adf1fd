//! The integration tests of stackup, in one binary.

/// What ARCHITECTURE.md promises of the source tree: rooms, paths.
mod architecture;
/// Plugins of each edition and in hostile surroundings: they build, and serve.
mod authoring;
/// What plugins that are bad on purpose can't do to a stack that serves.
mod bad_plugins;
/// What a person sees in a browser, in a real one: where there is Chromium and its driver.
mod browser;
/// Crates that are built when they are saved.
mod builds;
/// Case files, and what differs from them.
mod cases;
/// Everything that can go wrong, at random and under load.
mod chaos;
/// What a person types, and what he reads: `commands/*.case`.
mod commands;
/// What `stackup dev` adds, as HTTP clients see it.
mod dev;
/// The shelf beside Ruby's Rack, where there is a Ruby: `differential/`.
mod differential;
/// What holds a generation that was replaced, and what it is told.
mod drain;
/// The manifests of `examples/`.
mod examples;
/// Handlers that go on over a swap, and those that don't.
mod instances;
/// What `stackup dev` finds between the layers, and that it finds nothing in the shelf.
mod lint;
/// Swaps while requests are in flight: none is lost, none is mixed.
mod load;
/// Libraries that are locked by their content.
mod locked;
/// What a manifest means, and what a person reads who wrote it wrong: `manifests/*.case`.
mod manifest;
/// What a person reads who develops, in full: `dev/*.case`, `lints/*.case`, `edits/*.case`.
mod messages;
/// What `stackup new` makes: it builds, passes its tests, and serves.
mod new;
/// Libraries whose times say nothing, as those of reproducible builds.
mod old_times;
/// The schema of the manifest, beside what reads it; configs that violate their plugin's.
mod schema;
/// What HTTP clients see: connections, bodies, limits and endings.
mod serving;
/// The plugins of `plugins/` through a real host, as a client sees them.
mod shelf;
/// Workers that come and go under a supervisor that stays, and what an operator asks of it.
mod supervision;
/// Libraries that nothing uses: what they give back, and that they still run.
mod unused_libraries;
