mod allocators;
mod databases;
mod floating_point;
mod process_state;
mod signals;
mod threads;
mod valgrind;

use std::path::Path;

use stackup_tests::Site;
use stackup_tests::site::read;

/// A site with this manifest and a plugin of `tests/real-crates/`.
fn site(manifest: &str, plugin: &str, library: &Path) -> Site {
    let site = Site::new(manifest, &[]);
    site.library(plugin, &read(library));
    site
}

/// The code that the `number`th copy of a library answers with.
fn code(name: &str, number: u32) -> String {
    format!("stackup-{name}-code-{number:08}")
}
