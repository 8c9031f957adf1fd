//! The integration tests of stackup, in one binary.

/// Certificates that stackup orders, from a CA of the tests.
mod acme;
/// A real Apache, if it is installed.
mod apache;
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
/// `cache` beside nginx, httpd and Varnish, those that are installed: `caches/cases.toml`.
mod caches;
/// Case files and their comparison.
mod cases;
/// `stackup cgi`: by hand, and under a real Apache.
mod cgi;
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
/// Stacks inside other programs: axum, hyper.
mod embedding;
/// The manifests of `examples/`.
mod examples;
/// A client whose streams of HTTP/2 change to other protocols.
mod extended_connect;
/// FastCGI: its own client, nginx, Apache.
mod fastcgi;
/// Guests: programs of other languages behind `guest`.
mod guests;
/// Instances that are kept across swaps.
mod instances;
/// Requests that a reload leaves alone.
mod kept;
/// The life of an instance: tried, serving, handing over, retiring.
mod life;
/// The lint of `stackup dev`: it finds violations, and none in the shelf.
mod lint;
/// Swaps under load lose and mix no request.
mod load;
/// Libraries locked by their content.
mod locked;
/// `[log]`: what is logged.
mod log_filters;
/// Manifests and their diagnostics: `manifests/*.case`.
mod manifest;
/// The complete output of `stackup dev`: `dev/*.case`, `lints/*.case`, `edits/*.case`.
mod messages;
/// Figures of requests, layers and the host, and who reads them.
mod metrics;
/// The output of `stackup new` builds, passes its tests, and serves.
mod new;
/// Libraries with constant times, as of reproducible builds.
mod old_times;
/// Real crates that act on the whole process: allocators, signal handlers, runtimes. See docs/one-process.md.
mod one_process;
/// `proxy` in front of scripted servers and of a real nginx.
mod proxying;
/// The recipes of docs/recipes.md: their page, their tests, and their site, also over reloads.
mod recipes;
/// The manifest's schema against its parser; configs that violate their plugin's schema.
mod schema;
/// Secrets appear in no output.
mod secrets;
/// HTTP: connections, bodies, limits and shutdown.
mod serving;
/// The plugins of `plugins/` through a real host.
mod shared;
mod shelf;
/// The store: `cx.store()`.
mod store;
/// The store during faults, under load.
mod store_chaos;
/// The store in a file, and `stackup store`.
mod store_file;
/// The store in Redis, if `redis-server` is installed.
mod store_redis;
/// The supervisor, its workers and control commands.
mod supervision;
/// Services and layers of tower as handlers, with axum and tower-http.
mod tower;
/// Files that other users can change, and files that are no files.
mod trust;
/// Unused libraries free memory and still run.
mod unused_libraries;
/// Connections that change to another protocol.
mod upgrades;
/// Real programs that change files, and whether each change is heard.
mod watching;
/// WebSockets.
mod websocket;
