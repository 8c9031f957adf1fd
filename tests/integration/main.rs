//! The integration tests of stackup, in one binary.

/// What ARCHITECTURE.md promises about the source tree: rooms, paths.
mod architecture;
/// Plugins of each edition and in hostile code build and serve.
mod authoring;
/// Plugins that misbehave on purpose do not harm the active stack.
mod bad_plugins;
/// Pages in a real browser, if Chromium and its driver are installed.
mod browser;
/// Crates are built when they are saved.
mod builds;
/// Case files and their comparison.
mod cases;
/// Random faults under load.
mod chaos;
/// Commands and their output: `commands/*.case`.
mod commands;
/// What `stackup dev` adds, over HTTP.
mod dev;
/// The shelf against Ruby's Rack, if Ruby is installed: `differential/`.
mod differential;
/// Draining generations: what holds them, and their end.
mod drain;
/// The manifests of `examples/`.
mod examples;
/// Instances that are kept across swaps.
mod instances;
/// The lint of `stackup dev`: it finds violations, and none in the shelf.
mod lint;
/// Swaps under load lose and mix no request.
mod load;
/// Libraries locked by their content.
mod locked;
/// Manifests and their diagnostics: `manifests/*.case`.
mod manifest;
/// The complete output of `stackup dev`: `dev/*.case`, `lints/*.case`, `edits/*.case`.
mod messages;
/// The output of `stackup new` builds, passes its tests, and serves.
mod new;
/// Libraries with constant times, as of reproducible builds.
mod old_times;
/// Real crates that act on the whole process: allocators, signal handlers, runtimes. See docs/one-process.md.
mod one_process;
/// The manifest's schema against its parser; configs that violate their plugin's schema.
mod schema;
/// Secrets appear in no output.
mod secrets;
/// HTTP: connections, bodies, limits and shutdown.
mod serving;
/// The plugins of `plugins/` through a real host.
mod shelf;
/// The store: `cx.store()`.
mod store;
/// The store in a file, and `stackup store`.
mod store_file;
/// The store in Redis, if `redis-server` is installed.
mod store_redis;
/// The supervisor, its workers and control commands.
mod supervision;
/// Files that other users can change, and files that are no files.
mod trust;
/// Unused libraries free memory and still run.
mod unused_libraries;
/// Real programs that change files, and whether each change is heard.
mod watching;
